/** Slow mode: when the own user last wrote in each channel. How long that keeps them is up to the channel, which may change it. */
import { SvelteMap } from 'svelte/reactivity';
import type { Id } from './types';

const TICK_MS = 250;

const wroteAt = new SvelteMap<Id, number>();
let now = $state(Date.now());

/** Seconds left in a channel in which one may write once in `pause` seconds; 0 when one may write. */
export function secondsLeft(channelId: Id, pause: number): number {
  const at = wroteAt.get(channelId);
  return at === undefined ? 0 : Math.max(0, Math.ceil((at + pause * 1000 - now) / 1000));
}

/** The own user has written. */
export function noteWritten(channelId: Id): void {
  now = Date.now();
  wroteAt.set(channelId, now);
}

/** Counts down as long as there is something left; for an effect of whatever shows it. */
export function countDown(channelId: Id, pause: number): (() => void) | undefined {
  const at = wroteAt.get(channelId);
  if (at === undefined || !pause) return undefined;
  const end = at + pause * 1000;
  const timer = setInterval(tick, TICK_MS);
  function tick(): void {
    now = Date.now();
    if (now >= end) clearInterval(timer);
  }
  tick();
  return () => clearInterval(timer);
}
