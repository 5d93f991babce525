/** Applies gateway dispatches to a store. Unknown events are ignored, unknown fields are kept away. */
import type { Dispatches } from '../../gateway/table';
import type { Store } from '../store.svelte';
import { callReducers } from './call';
import { channelReducers } from './channel';
import { guildReducers } from './guild';
import { messageReducers } from './message';
import { readyReducers } from './ready';
import { userReducers } from './user';

/** Takes one dispatch into the store; `now` is unix milliseconds. */
export type Reducer<T> = (store: Store, d: T, now: number) => void;
/** Reducers by the events that they take. */
export type Reducers = { [E in keyof Dispatches]?: Reducer<Dispatches[E]> };

const table: Reducers = {
  ...readyReducers,
  ...guildReducers,
  ...channelReducers,
  ...callReducers,
  ...messageReducers,
  ...userReducers,
};

const isKnown = (t: string): t is keyof Dispatches => Object.hasOwn(table, t);

/** Applies one dispatch; `now` is unix milliseconds. Tells whether the event is known. */
export function reduce(store: Store, t: string, d: unknown, now = Date.now()): boolean {
  if (!isKnown(t) || d === null || typeof d !== 'object') return false;
  // The one place where what came from the network is taken for what the event carries.
  (table[t] as Reducer<object>)(store, d, now);
  return true;
}
