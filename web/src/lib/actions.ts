/** What people do to messages and channels, shown at once and then asked of the server. Writing is in `sending.ts`. */
import { channels as api, describe, users } from './api';
import { emojiName } from './emoji';
import { reactionKey, withReaction } from './store/reducers/message';
import { putChannel } from './store/reducers/channel';
import { store } from './store/store.svelte';
import { router } from './router.svelte';
import { idTimestamp } from './snowflake';
import type { Emoji, Id, Message } from './types';
import { ui } from './ui.svelte';

/** Runs an action of the person's and says so when it fails. Gives whether it worked. */
export async function attempt(action: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await action();
    if (done) ui.toast(done, 'good');
    return true;
  } catch (error) {
    ui.toast(describe(error), 'error');
    return false;
  }
}

/** Changes a message, shown at once. Throws when the server refuses; what was written is then the caller's to keep. */
export async function editMessage(message: Message, content: string): Promise<void> {
  const log = store.log(message.channel_id);
  log.update(message.id, (m) => ({ ...m, content, edited_timestamp: new Date().toISOString() }));
  try {
    await api.edit(message.channel_id, message.id, content);
  } catch (error) {
    log.update(message.id, (m) => ({ ...m, content: message.content, edited_timestamp: message.edited_timestamp }));
    throw error;
  }
}

export function confirmDelete(message: Message): void {
  const run = () =>
    api
      .deleteMessage(message.channel_id, message.id)
      .then(() => store.knownLog(message.channel_id)?.remove(new Set([message.id])));
  ui.open({
    kind: 'confirm',
    title: 'Delete message',
    text: 'This cannot be undone.',
    action: 'Delete',
    danger: true,
    message,
    run,
  });
}

/** Bounds of one bulk deletion (Discord developer docs, "Bulk Delete Messages"). */
const BULK_MIN = 2;
export const BULK_MAX = 100;
const BULK_AGE_MAX_MS = 14 * 24 * 3600 * 1000;

/** Deletes messages: those young enough together, others one by one. */
export async function deleteMessages(channelId: Id, ids: Id[], nowMs = Date.now()): Promise<void> {
  const young = ids.filter((id) => nowMs - idTimestamp(id) < BULK_AGE_MAX_MS - 60_000);
  const together = young.length >= BULK_MIN ? young : [];
  const alone = ids.filter((id) => !together.includes(id));
  for (let i = 0; i < together.length; i += BULK_MAX) {
    const part = together.slice(i, i + BULK_MAX);
    await (part.length >= BULK_MIN ? api.bulkDelete(channelId, part) : api.deleteMessage(channelId, part[0]!));
  }
  for (const id of alone) await api.deleteMessage(channelId, id);
  store.knownLog(channelId)?.remove(new Set(ids));
}

export const emojiParam = (emoji: Emoji) =>
  encodeURIComponent(emoji.id ? `${emojiName(emoji)}:${emoji.id}` : emojiName(emoji));

export async function toggleReaction(message: Message, emoji: Emoji): Promise<void> {
  const log = store.log(message.channel_id);
  const mine =
    log
      .find(message.id)
      ?.reactions?.find((r) => (r.emoji.id ? r.emoji.id === emoji.id : !emoji.id && r.emoji.name === emoji.name))?.me ??
    false;
  const set = (on: boolean) =>
    log.update(message.id, (m) => ({ ...m, reactions: withReaction(m.reactions, emoji, on ? 1 : -1, true) }));
  const key = reactionKey(message.id, emoji);
  set(!mine);
  store.echoes.expect(key, !mine);
  const call = mine ? api.unreact : api.react;
  if (await attempt(() => call(message.channel_id, message.id, emojiParam(emoji)))) return;
  store.echoes.forget(key, !mine);
  set(mine);
}

export async function togglePin(message: Message): Promise<void> {
  const pin = !message.pinned;
  const call = pin ? api.pin : api.unpin;
  if (await attempt(() => call(message.channel_id, message.id), pin ? 'Pinned' : 'Unpinned')) {
    store.knownLog(message.channel_id)?.update(message.id, (m) => ({ ...m, pinned: pin }));
  }
}

const TYPING_EVERY_MS = 8000;
const lastTyping = new Map<Id, number>();

export function noteTyping(channelId: Id): void {
  const now = Date.now();
  if (now - (lastTyping.get(channelId) ?? 0) < TYPING_EVERY_MS) return;
  lastTyping.set(channelId, now);
  api.typing(channelId).catch(() => {});
}

/** Sending ends the sign, so the next keystroke begins a new one. */
export function forgetTyping(channelId: Id): void {
  lastTyping.delete(channelId);
}

export async function openDm(userId: Id): Promise<void> {
  await attempt(async () => {
    const channel = await users.openDm([userId]);
    putChannel(store, channel);
    ui.profile = null;
    router.openChannel(null, channel.id);
  });
}
