/** The sound of a call that comes in: three soft notes again and again. */

const EVERY_MS = 2_400;
const NOTES = [659, 880, 1319];
let audio: AudioContext | undefined;

function once(): void {
  // Browsers allow sounds only after the person has touched the page.
  if (!navigator.userActivation?.hasBeenActive) return;
  audio ??= new AudioContext();
  const begin = audio.currentTime;
  NOTES.forEach((pitch, i) => {
    const at = begin + i * 0.16;
    const tone = audio!.createOscillator();
    const volume = audio!.createGain();
    tone.type = 'triangle';
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.1, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.6);
    tone.connect(volume).connect(audio!.destination);
    tone.start(at);
    tone.stop(at + 0.65);
  });
}

/** Rings until what it gives is called. */
export function ring(): () => void {
  once();
  const timer = setInterval(once, EVERY_MS);
  return () => clearInterval(timer);
}
