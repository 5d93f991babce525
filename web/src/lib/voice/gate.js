/* Runs in the browser's audio thread (AudioWorklet): lets the microphone through while it is to be heard, and says how loud it is. */
/* global AudioWorkletProcessor, currentTime, registerProcessor */

/**
 * How long it stays open after the last loud moment, in seconds: between words nothing is cut off, and the others are told no more often
 * than the voice gateway takes.
 */
const HOLD_S = 0.45;
/** How fast it opens and closes, as a share of the way a frame: without a click. */
const OPENING = 0.25;
const CLOSING = 0.02;
/** How often it tells, in frames of 128 samples. */
const TELL_EVERY = 12;

class Gate extends AudioWorkletProcessor {
  constructor() {
    super();
    /** What is set from outside: `always` opens it whatever is heard, `never` closes it, `voice` goes by the threshold. */
    this.mode = 'never';
    this.threshold = 0.01;
    this.gain = 0;
    this.heldUntil = 0;
    this.isOpen = false;
    this.frames = 0;
    this.peak = 0;
    this.port.onmessage = ({ data }) => Object.assign(this, data);
  }

  process([input], [output]) {
    const samples = input?.[0];
    let sum = 0;
    if (samples) for (const sample of samples) sum += sample * sample;
    const level = samples ? Math.sqrt(sum / samples.length) : 0;
    this.peak = Math.max(this.peak, level);
    if (level >= this.threshold) this.heldUntil = currentTime + HOLD_S;
    const open = this.mode === 'always' || (this.mode === 'voice' && currentTime < this.heldUntil);
    for (let i = 0; samples && i < samples.length; i++) {
      this.gain += ((open ? 1 : 0) - this.gain) * (open ? OPENING : CLOSING);
      for (const channel of output) channel[i] = samples[i] * this.gain;
    }
    this.frames += 1;
    if (open !== this.isOpen || this.frames % TELL_EVERY === 0) {
      this.isOpen = open;
      this.port.postMessage({ level: this.peak, open });
      this.peak = 0;
    }
    return true;
  }
}

registerProcessor('gate', Gate);
