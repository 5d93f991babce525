/** The sound of a call that comes in: three soft notes again and again. */
import { chime } from '../chime';

const EVERY_MS = 2_400;
const once = () => chime([659, 880, 1319], { shape: 'triangle', apart: 0.16, loudness: 0.1, fades: 0.6 });

/** Rings until what it gives is called. */
export function ring(): () => void {
  once();
  const timer = setInterval(once, EVERY_MS);
  return () => clearInterval(timer);
}
