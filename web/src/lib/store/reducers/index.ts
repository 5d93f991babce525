/** Applies gateway dispatches to a store. Unknown events are ignored, unknown fields are kept away. */
import type { Store } from '../store.svelte';
import { channelReducers } from './channel';
import { guildReducers } from './guild';
import { messageReducers } from './message';
import { readyReducers } from './ready';
import { userReducers } from './user';

// Payloads come from the network: each reducer reads only what it checks or can do without.
export type Payload = any;
export type Reducer = (store: Store, d: Payload, now: number) => void;

const table: Record<string, Reducer> = {
  ...readyReducers,
  ...guildReducers,
  ...channelReducers,
  ...messageReducers,
  ...userReducers,
};

/** Applies one dispatch; `now` is unix milliseconds. Tells whether the event is known. */
export function reduce(store: Store, t: string, d: unknown, now = Date.now()): boolean {
  const reducer = Object.hasOwn(table, t) ? table[t] : undefined;
  if (!reducer || d === null || typeof d !== 'object') return false;
  reducer(store, d, now);
  return true;
}
