import { isAfter } from '../../snowflake';
import { isEphemeral, type Emoji, type Id, type Message, type Poll, type Reaction } from '../../types';
import { isMuted, mentionsMe } from '../notify';
import type { Store } from '../store.svelte';
import { stopTyping } from './channel';
import type { Mention, ReactionChange, Vote } from '../../gateway/payloads';
import type { Reducer, Reducers } from './index';

/** A message as it may come: whole, in part, or as this client holds it already. */
export type RawMessage = Partial<Message> & Pick<Message, 'id' | 'channel_id' | 'author' | 'timestamp'>;

/** Fills in what a partial or foreign message may leave out. */
export function normalizeMessage(raw: RawMessage): Message {
  return {
    ...raw,
    content: raw.content ?? '',
    mentions: raw.mentions ?? [],
    mention_roles: raw.mention_roles ?? [],
    attachments: raw.attachments ?? [],
    embeds: raw.embeds ?? [],
    type: raw.type ?? 0,
  };
}

/** Learns the people a page of history names, without believing it more than what is known. */
export function learnFromHistory(store: Store, message: Message): void {
  if (!message.webhook_id) store.addUnknownUser(message.author);
  for (const user of [...message.mentions, message.referenced_message?.author]) store.addUnknownUser(user);
}

/** Learns the people a new message names. */
export function learnFrom(store: Store, message: Message): void {
  if (!message.webhook_id) store.addUser(message.author);
  if (message.guild_id && message.member && !message.webhook_id)
    store.addMember(message.guild_id, message.member, message.author.id);
  for (const user of message.mentions) {
    store.addUser(user);
    const { member } = user as Mention;
    if (message.guild_id && member) store.addMember(message.guild_id, member, user.id);
  }
  store.addUnknownUser(message.referenced_message?.author);
}

function muted(store: Store, channelId: Id): boolean {
  const channel = store.channels.get(channelId);
  return !!channel && isMuted(store, channel);
}

function countUnread(store: Store, message: Message): void {
  const state = store.readStates.get(message.channel_id);
  if (message.author?.id === store.me?.id) {
    store.readStates.set(message.channel_id, { last_message_id: message.id, mention_count: 0 });
  } else if (store.watched !== message.channel_id && mentionsMe(store, message) && !muted(store, message.channel_id)) {
    store.readStates.set(message.channel_id, {
      last_message_id: state?.last_message_id ?? '0',
      mention_count: (state?.mention_count ?? 0) + 1,
    });
  }
}

export const sameEmoji = (a: Emoji, b: Emoji): boolean => (a.id || b.id ? a.id === b.id : a.name === b.name);

export const reactionKey = (messageId: Id, emoji: Emoji): string => `${messageId}:${emoji.id ?? emoji.name}`;

/** Reactions after one more or one less; `mine` tells whether it is the own user's. */
export function withReaction(reactions: Reaction[] | undefined, emoji: Emoji, by: 1 | -1, mine: boolean): Reaction[] {
  const list = reactions ?? [];
  const known = list.find((r) => sameEmoji(r.emoji, emoji));
  if (!known) return by > 0 ? [...list, { emoji, count: 1, me: mine }] : list;
  // Our own reaction was already counted when it was clicked.
  if (mine && known.me === by > 0) return list;
  const next = { ...known, count: known.count + by, me: mine ? by > 0 : known.me };
  return next.count > 0 ? list.map((r) => (r === known ? next : r)) : list.filter((r) => r !== known);
}

function react(by: 1 | -1): Reducer<ReactionChange> {
  return (store, d) => {
    const mine = d.user_id === store.me?.id;
    if (d.member && d.guild_id) store.addMember(d.guild_id, d.member);
    if (mine && store.echoes.is(reactionKey(d.message_id, d.emoji), by > 0)) return;
    store
      .knownLog(d.channel_id)
      ?.count(d.message_id, (m) => ({ ...m, reactions: withReaction(m.reactions, d.emoji, by, mine) }));
  };
}

export const voteKey = (messageId: Id, answerId: number): string => `${messageId}/${answerId}`;

/** The answers' counts after a vote more or less. The own vote was counted when it was given. */
export function withVote(poll: Poll, answerId: number, by: 1 | -1, mine: boolean): Poll {
  const results = poll.results ?? { is_finalized: false, answer_counts: [] };
  const known = results.answer_counts.find((a) => a.id === answerId) ?? { id: answerId, count: 0, me_voted: false };
  if (mine && known.me_voted === by > 0) return poll;
  const next = { ...known, count: Math.max(0, known.count + by), me_voted: mine ? by > 0 : known.me_voted };
  return {
    ...poll,
    results: { ...results, answer_counts: [...results.answer_counts.filter((a) => a.id !== answerId), next] },
  };
}

function vote(by: 1 | -1): Reducer<Vote> {
  return (store, d) => {
    const mine = d.user_id === store.me?.id;
    if (mine && store.echoes.is(voteKey(d.message_id, d.answer_id), by > 0)) return;
    store
      .knownLog(d.channel_id)
      ?.count(d.message_id, (m) => (m.poll ? { ...m, poll: withVote(m.poll, d.answer_id, by, mine) } : m));
  };
}

export function noteNewest(store: Store, channelId: Id, messageId: Id): void {
  if (isAfter(messageId, store.lastMessage.get(channelId))) store.lastMessage.set(channelId, messageId);
}

export const messageReducers: Reducers = {
  MESSAGE_CREATE(store, d) {
    const message = normalizeMessage(d);
    learnFrom(store, message);
    // What one person alone sees is in no history: nothing is unread by it.
    if (isEphemeral(message)) {
      store.knownLog(message.channel_id)?.add(message);
      return;
    }
    stopTyping(store, message.channel_id, message.author.id);
    noteNewest(store, message.channel_id, message.id);
    countUnread(store, message);
    store.knownLog(message.channel_id)?.add(message);
    const channel = store.channels.get(message.channel_id);
    if (channel?.message_count !== undefined)
      store.channels.set(channel.id, { ...channel, message_count: channel.message_count + 1 });
  },
  MESSAGE_UPDATE(store, d) {
    if (d.author) store.addUser(d.author);
    store.knownLog(d.channel_id)?.update(d.id, (m) =>
      normalizeMessage({
        ...m,
        ...d,
        reactions: m.reactions,
        referenced_message: d.referenced_message ?? m.referenced_message,
      }),
    );
  },
  MESSAGE_DELETE(store, d) {
    store.knownLog(d.channel_id)?.remove(new Set([d.id]));
  },
  MESSAGE_DELETE_BULK(store, d) {
    store.knownLog(d.channel_id)?.remove(new Set(d.ids ?? []));
  },
  MESSAGE_REACTION_ADD: react(1),
  MESSAGE_REACTION_REMOVE: react(-1),
  MESSAGE_REACTION_REMOVE_ALL(store, d) {
    store.knownLog(d.channel_id)?.update(d.message_id, (m) => ({ ...m, reactions: [] }));
  },
  MESSAGE_REACTION_REMOVE_EMOJI(store, d) {
    store
      .knownLog(d.channel_id)
      ?.update(d.message_id, (m) => ({ ...m, reactions: m.reactions?.filter((r) => !sameEmoji(r.emoji, d.emoji)) }));
  },
  MESSAGE_POLL_VOTE_ADD: vote(1),
  MESSAGE_POLL_VOTE_REMOVE: vote(-1),
  MESSAGE_ACK(store, d) {
    const known = store.readStates.get(d.channel_id);
    const manual = d.manual === true;
    if (!manual && known && !isAfter(d.message_id, known.last_message_id) && known.last_message_id !== d.message_id)
      return;
    store.readStates.set(d.channel_id, { last_message_id: d.message_id, mention_count: d.mention_count ?? 0 });
  },
};
