/** The first messages of a forum's posts, fetched as they are shown, a few at a time. */
import { channels as api } from './api';
import { normalizeMessage } from './store/reducers/message';
import { SvelteMap } from 'svelte/reactivity';
import type { Id, Message } from './types';

const AT_ONCE = 4;
/** First messages held; the oldest asked for go first. */
const HELD_MAX = 300;

/** `null` where there is none: it was deleted, or cannot be read. */
const held = new SvelteMap<Id, Message | null>();
const asked = new Set<Id>();
const waiting: Id[] = [];
let running = 0;

export function firstMessage(postId: Id): Message | null | undefined {
  return held.get(postId);
}

/** Asks for the first message of a post, whose id is the post's own. */
export function wantFirst(postId: Id): void {
  if (asked.has(postId)) return;
  asked.add(postId);
  waiting.push(postId);
  void work();
}

/** Forgets a first message that has changed. */
export function forgetFirst(postId: Id): void {
  asked.delete(postId);
  held.delete(postId);
}

async function work(): Promise<void> {
  if (running >= AT_ONCE) return;
  const id = waiting.shift();
  if (!id) return;
  running += 1;
  try {
    keep(id, normalizeMessage(await api.message(id, id)));
  } catch {
    keep(id, null);
  } finally {
    running -= 1;
    void work();
  }
}

function keep(id: Id, message: Message | null): void {
  held.set(id, message);
  if (held.size <= HELD_MAX) return;
  const oldest = held.keys().next().value!;
  held.delete(oldest);
  asked.delete(oldest);
}
