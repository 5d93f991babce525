/**
 * People whose messages are folded and who call nobody, without their being told or kept away as those who are blocked. The list
 * lies on this device, by account; what a server says of it (`user_ignored`) counts, too.
 */
import { readStorage, writeStorage } from './prefs.svelte';
import type { Store } from './store/store.svelte';
import type { Id } from './types';

const KEY = 'consort:ignored';
/** More than anybody ignores by hand. */
const IGNORED_MAX = 1000;

type Stored = Record<Id, Id[]>;

/** Takes in whom the account ignores, after READY. */
export function loadIgnored(store: Store): void {
  for (const id of readStorage<Stored>(KEY)?.[store.me?.id ?? ''] ?? []) store.ignored.add(id);
}

export function setIgnored(store: Store, userId: Id, on: boolean): void {
  if (on) store.ignored.add(userId);
  else store.ignored.delete(userId);
  const me = store.me?.id;
  if (me) writeStorage(KEY, { ...readStorage<Stored>(KEY), [me]: [...store.ignored].slice(-IGNORED_MAX) });
}
