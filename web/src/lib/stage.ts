/** What people do on a stage. */
import { attempt } from './actions';
import { stages, type SpeakingChange } from './api';
import { choosesSpeakers } from './store/stage';
import type { Store } from './store/store.svelte';
import { ChannelType, type Channel, type Id } from './types';

const change = (channel: Channel, user: Id | null, body: SpeakingChange) =>
  attempt(() => stages.modifyVoice(channel.guild_id ?? '', channel.id, user, body));

export const askToSpeak = (channel: Channel) =>
  change(channel, null, { request_to_speak_timestamp: new Date().toISOString() });
export const askNoMore = (channel: Channel) => change(channel, null, { request_to_speak_timestamp: null });
/** Takes up an invitation, or takes the floor as a moderator. */
export const beginToSpeak = (channel: Channel) =>
  change(channel, null, { suppress: false, request_to_speak_timestamp: null });
/** Goes to the audience, or stays there although invited. */
export const listenOnly = (channel: Channel) =>
  change(channel, null, { suppress: true, request_to_speak_timestamp: null });
export const inviteToSpeak = (channel: Channel, user: Id) => change(channel, user, { suppress: false });
export const moveToAudience = (channel: Channel, user: Id) => change(channel, user, { suppress: true });

/** What a moderator may do with somebody else on a stage, for their menu. */
export function stageItems(store: Store, channel: Channel | undefined, userId: Id) {
  if (channel?.type !== ChannelType.stage || userId === store.me?.id || !choosesSpeakers(store, channel)) return [];
  const state = store.voiceStates.get(channel.guild_id ?? '')?.get(userId);
  if (state?.channel_id !== channel.id) return [];
  return state.suppress
    ? [{ label: 'Invite to speak', icon: 'mic' as const, run: () => void inviteToSpeak(channel, userId) }]
    : [{ label: 'Move to the audience', icon: 'headphones' as const, run: () => void moveToAudience(channel, userId) }];
}
