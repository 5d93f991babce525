/** Soft notes, one after the other. */

interface Chime {
  shape: OscillatorType;
  /** Between the beginnings of two notes, seconds. */
  apart: number;
  loudness: number;
  /** Until a note has died away, seconds. */
  fades: number;
}

let audio: AudioContext | undefined;

/** Plays notes of these pitches, in hertz; nothing before the person has touched the page, since browsers allow no sound until then. */
export function chime(pitches: readonly number[], { shape, apart, loudness, fades }: Chime): void {
  if (!navigator.userActivation?.hasBeenActive) return;
  audio ??= new AudioContext();
  const { currentTime, destination } = audio;
  for (const [i, pitch] of pitches.entries()) {
    const at = currentTime + i * apart;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = shape;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(loudness, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + fades);
    tone.connect(volume).connect(destination);
    tone.start(at);
    tone.stop(at + fades + 0.05);
  }
}
