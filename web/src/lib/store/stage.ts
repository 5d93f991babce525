/** Who is at a stage, and as what. */
import { has, Permission } from '../permissions';
import type { Channel, Id, VoiceState } from '../types';
import { displayName, myPermissions } from './selectors';
import type { Store } from './store.svelte';

/**
 * - `speaker`: is heard.
 * - `invited`: may speak as soon as they take the invitation up.
 * - `asking`: listens, and asks to speak.
 * - `audience`: listens.
 */
export type Part = 'speaker' | 'invited' | 'asking' | 'audience';

/** What somebody in a stage channel is there as (Discord developer docs, "Voice State Object"). */
export function partOf(state: Pick<VoiceState, 'suppress' | 'request_to_speak_timestamp'>): Part {
  const asked = !!state.request_to_speak_timestamp;
  if (state.suppress) return asked ? 'asking' : 'audience';
  return asked ? 'invited' : 'speaker';
}

export interface Attendant {
  id: Id;
  name: string;
  state: VoiceState;
  part: Part;
}

/** Everybody in a stage channel; those who ask come in the order in which they asked, the others by name. */
export function attendants(store: Store, channel: Channel): Attendant[] {
  const guildId = channel.guild_id ?? '';
  const asked = (a: Attendant) =>
    a.part === 'asking' ? Date.parse(a.state.request_to_speak_timestamp ?? '') : Infinity;
  return [...(store.voiceStates.get(guildId)?.values() ?? [])]
    .filter((v) => v.channel_id === channel.id)
    .map((state) => ({
      id: state.user_id,
      name: displayName(store, state.user_id, guildId),
      state,
      part: partOf(state),
    }))
    .sort((a, b) => asked(a) - asked(b) || a.name.localeCompare(b.name));
}

/** Whether the own user opens and closes the stage (Discord developer docs, "Stage Instance": "Stage moderators"). */
export function runsStage(store: Store, channel: Channel): boolean {
  const permissions = myPermissions(store, channel);
  return [Permission.MANAGE_CHANNELS, Permission.MUTE_MEMBERS, Permission.MOVE_MEMBERS].every((p) =>
    has(permissions, p),
  );
}

/** Whether the own user decides who speaks. */
export const choosesSpeakers = (store: Store, channel: Channel): boolean =>
  has(myPermissions(store, channel), Permission.MUTE_MEMBERS);
