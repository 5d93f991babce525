/** Slow mode: until when the own user has to wait in each channel. */
import { SvelteMap } from 'svelte/reactivity';
import type { Id } from './types';

const until = new SvelteMap<Id, number>();
const timers = new Map<Id, ReturnType<typeof setInterval>>();
let now = $state(Date.now());

/** Seconds left in a channel; 0 when one may write. */
export function secondsLeft(channelId: Id): number {
  const end = until.get(channelId);
  return end === undefined ? 0 : Math.max(0, Math.ceil((end - now) / 1000));
}

/** The own user has written, and has to wait so long, in seconds. */
export function wait(channelId: Id, seconds: number): void {
  if (seconds <= 0) return;
  now = Date.now();
  until.set(channelId, now + seconds * 1000);
  clearInterval(timers.get(channelId));
  const tick = setInterval(() => {
    now = Date.now();
    if (secondsLeft(channelId) > 0) return;
    clearInterval(tick);
    timers.delete(channelId);
    until.delete(channelId);
  }, 250);
  timers.set(channelId, tick);
}
