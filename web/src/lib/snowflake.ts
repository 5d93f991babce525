import type { Id } from './types';

/** Snowflakes count milliseconds from 2015-01-01T00:00:00Z (Discord API Reference, "Snowflakes"). */
const EPOCH_MS = 1_420_070_400_000n;

/** Orders two ids by creation. */
export function compareIds(a: Id, b: Id): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Tells whether `a` was created after `b`; a missing `b` is the beginning of time. */
export function isAfter(a: Id, b: Id | null | undefined): boolean {
  return !b || compareIds(a, b) > 0;
}

/** Unix milliseconds at which the id was made. */
export function idTimestamp(id: Id): number {
  try {
    return Number((BigInt(id) >> 22n) + EPOCH_MS);
  } catch {
    return 0;
  }
}

/** The smallest id that could have been made at `unixMs`. */
export function idAt(unixMs: number): Id {
  return ((BigInt(Math.max(0, Math.floor(unixMs))) - EPOCH_MS) << 22n).toString();
}

let counter = 0n;

/** A nonce that sorts like an id made now, at most 20 digits (the API allows 25 characters). */
export function makeNonce(nowMs = Date.now()): string {
  counter = (counter + 1n) & 0x3f_ffffn;
  return (((BigInt(nowMs) - EPOCH_MS) << 22n) | counter).toString();
}
