/** How somebody hears and is heard, kept on this device. */
import { readStorage, writeStorage } from '../prefs.svelte';
import type { Id } from '../types';

export interface VoicePrefs {
  /** Devices by the browser's names; empty for its own choice. */
  input: string;
  output: string;
  /** `activity`: heard while loud enough; `push`: heard while a key is held. */
  mode: 'activity' | 'push';
  /** How loud is loud enough, 0 to 1. */
  threshold: number;
  /** The key, by its place on the keyboard (`KeyboardEvent.code`). */
  key: string;
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGain: boolean;
  selfMute: boolean;
  selfDeaf: boolean;
  /** Of the soundboard, 0 to 1. */
  sounds: number;
  /** Of people, 0 to 1, where it is not 1. */
  volumes: Record<Id, number>;
}

const KEY = 'consort:voice';
const DEFAULTS: VoicePrefs = {
  input: '',
  output: '',
  mode: 'activity',
  threshold: 0.25,
  key: 'ControlRight',
  echoCancellation: true,
  noiseSuppression: true,
  autoGain: true,
  selfMute: false,
  selfDeaf: false,
  sounds: 0.7,
  volumes: {},
};

class Stored {
  #all = $state.raw<VoicePrefs>({ ...DEFAULTS, ...readStorage<Partial<VoicePrefs>>(KEY) });

  get all(): VoicePrefs {
    return this.#all;
  }

  set(change: Partial<VoicePrefs>): void {
    this.#all = { ...this.#all, ...change };
    writeStorage(KEY, this.#all);
  }

  volumeOf(userId: Id): number {
    return this.#all.volumes[userId] ?? 1;
  }

  setVolume(userId: Id, volume: number): void {
    const { [userId]: _, ...others } = this.#all.volumes;
    this.set({ volumes: volume === 1 ? others : { ...others, [userId]: volume } });
  }
}

export const voicePrefs = new Stored();
