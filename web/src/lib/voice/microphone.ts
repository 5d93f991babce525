/** The microphone: asked for as the settings say, let through by a gate in the audio thread, and measured. */
import gateUrl from './gate.js?url&no-inline';
import type { VoicePrefs } from './prefs.svelte';

export type GateMode = 'always' | 'never' | 'voice';

export interface MicrophoneEvents {
  /** How loud it is, 0 to 1, and whether it is let through; some twenty times a second. */
  level(level: number, open: boolean): void;
  /** It was taken away: unplugged, or forbidden. */
  ended(): void;
}

/** What a browser calls a refusal, in words. */
export function refusal(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') return 'The browser does not let this page use the microphone.';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'There is no such microphone.';
  if (name === 'NotReadableError') return 'Another program has the microphone.';
  return 'The microphone cannot be used.';
}

export class Microphone {
  #context: AudioContext | null = null;
  #stream: MediaStream | null = null;
  #gate: AudioWorkletNode | null = null;
  #track: MediaStreamTrack | null = null;

  constructor(private readonly events: MicrophoneEvents) {}

  /** What is sent: the microphone behind its gate. */
  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** Asks for the microphone and opens it; whoever has it open already gets another with the new settings. */
  async open(prefs: VoicePrefs): Promise<void> {
    if (!navigator.mediaDevices) throw new Error('There is no microphone on a page without HTTPS.');
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        deviceId: prefs.input ? { exact: prefs.input } : undefined,
        echoCancellation: prefs.echoCancellation,
        noiseSuppression: prefs.noiseSuppression,
        autoGainControl: prefs.autoGain,
      },
    });
    this.close();
    const context = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
    this.#context = context;
    this.#stream = stream;
    const own = stream.getAudioTracks()[0];
    if (own) own.onended = () => this.#stream === stream && this.events.ended();
    await context.audioWorklet.addModule(gateUrl);
    if (this.#context !== context) return;
    const gate = new AudioWorkletNode(context, 'gate', { channelCount: 1, outputChannelCount: [1] });
    gate.port.onmessage = ({ data }: MessageEvent<{ level: number; open: boolean }>) =>
      this.events.level(data.level, data.open);
    const destination = context.createMediaStreamDestination();
    context.createMediaStreamSource(stream).connect(gate).connect(destination);
    this.#gate = gate;
    this.#track = destination.stream.getAudioTracks()[0] ?? null;
    await context.resume();
  }

  /** Says when it is let through; `threshold` is a level for `voice`. */
  set(mode: GateMode, threshold: number): void {
    this.#gate?.port.postMessage({ mode, threshold });
  }

  close(): void {
    this.#stream?.getTracks().forEach((track) => track.stop());
    void this.#context?.close();
    this.#context = this.#stream = this.#gate = this.#track = null;
  }
}
