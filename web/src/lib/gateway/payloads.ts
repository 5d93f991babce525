/**
 * What dispatches carry (Discord developer docs, "Gateway Events"; what only accounts of people are sent: userdoccers, "Gateway
 * Events"). They come from the network and are not checked field by field: what a server may leave out is optional here.
 */
import type {
  Emoji,
  Id,
  Role,
  SoundboardSound,
  StageInstance,
  Sticker,
  ThreadMember,
  User,
  VoiceState,
  WireChannel,
  WireGuild,
  WireMember,
  WireMessage,
} from '../api/schema';
import type { Activity, Status } from '../types';
import type { ListGroup, WireListOp } from '../store/memberlist.svelte';
import type { ChannelOverride, MuteConfig } from '../store/notify';

export type { SoundboardSound, StageInstance, User, VoiceState, WireChannel } from '../api/schema';

/** A member as some events have it: with the id alone instead of the account. */
export type PartialMember = Partial<WireMember> & { user_id?: Id };
export type GuildMember = PartialMember & { guild_id: Id };

/** Presences name their user by an object of which only the id is certain. */
export interface WirePresence {
  user?: Pick<User, 'id'> & Partial<User>;
  user_id?: Id;
  status?: Status;
  activities?: Activity[] | null;
}

/** A guild as READY and GUILD_CREATE have it; its own fields may be flat or under `properties`. */
export interface GatewayGuild extends Partial<WireGuild> {
  id: Id;
  properties?: Partial<WireGuild>;
  unavailable?: boolean;
  large?: boolean;
  joined_at?: string;
  member_count?: number;
  members?: PartialMember[];
  channels?: WireChannel[];
  threads?: WireChannel[];
  presences?: WirePresence[];
  voice_states?: VoiceState[];
  stage_instances?: StageInstance[];
  soundboard_sounds?: SoundboardSound[];
}
export interface GuildGone {
  id: Id;
  unavailable?: boolean;
}

export interface RoleChanged {
  guild_id: Id;
  role: Role;
}
export interface RoleGone {
  guild_id: Id;
  role_id: Id;
}
export interface EmojisChanged {
  guild_id: Id;
  emojis?: Emoji[];
}
export interface StickersChanged {
  guild_id: Id;
  stickers?: Sticker[];
}
export interface SoundGone {
  guild_id: Id;
  sound_id: Id;
}
export interface SoundsChanged {
  guild_id: Id;
  soundboard_sounds?: SoundboardSound[];
}
/** Somebody in the own voice channel plays a sound; each client has the file itself. */
export interface VoiceEffect {
  channel_id: Id;
  guild_id: Id;
  user_id: Id;
  sound_id?: Id;
  sound_volume?: number;
  emoji?: Emoji | null;
}
/** The call of a private channel; who is in it comes with CALL_CREATE alone. */
export interface CallChange {
  channel_id: Id;
  message_id: Id;
  ringing?: Id[];
  voice_states?: VoiceState[];
}
export interface CallGone {
  channel_id: Id;
}
export interface MemberGone {
  guild_id: Id;
  user: User;
}
export interface MembersChunk {
  guild_id: Id;
  members?: PartialMember[];
  presences?: WirePresence[];
}
export interface MemberListUpdate {
  guild_id: Id;
  id?: string;
  ops?: WireListOp[];
  groups?: ListGroup[];
  member_count?: number;
  online_count?: number;
}
export interface PassiveUpdate {
  guild_id: Id;
  updated_channels?: { id: Id; last_message_id?: Id | null }[];
  updated_voice_states?: VoiceState[];
  removed_voice_states?: Id[];
  updated_members?: PartialMember[];
}

export interface ThreadGone {
  id: Id;
  guild_id?: Id;
  parent_id?: Id;
}
export interface ThreadList {
  guild_id: Id;
  threads?: WireChannel[];
  members?: (ThreadMember & { id: Id })[];
}
export type ThreadMembership = ThreadMember & { id: Id };
export interface ThreadMembers {
  id: Id;
  member_count?: number;
  added_members?: ThreadMember[];
  removed_member_ids?: Id[];
}
export interface Recipient {
  channel_id: Id;
  user: User;
}
export interface ChannelsUnread {
  channel_unread_updates?: { id: Id; last_message_id?: Id | null }[];
}
export interface Typing {
  channel_id: Id;
  user_id: Id;
  guild_id?: Id;
  member?: PartialMember;
}

export type Mention = User & { member?: PartialMember };
export interface GatewayMessage extends Omit<WireMessage, 'mentions'> {
  guild_id?: Id;
  member?: PartialMember;
  mentions: Mention[];
}
export type MessageChange = Partial<GatewayMessage> & {
  id: Id;
  channel_id: Id;
  referenced_message?: WireMessage | null;
};
export interface MessageGone {
  id: Id;
  channel_id: Id;
}
export interface MessagesGone {
  ids?: Id[];
  channel_id: Id;
}
export interface PinsChanged {
  channel_id: Id;
}
interface OfMessage {
  channel_id: Id;
  message_id: Id;
  guild_id?: Id;
}
export interface ReactionChange extends OfMessage {
  user_id: Id;
  emoji: Emoji;
  member?: PartialMember;
}
export type ReactionsGone = OfMessage;
export interface ReactionEmojiGone extends OfMessage {
  emoji: Emoji;
}
export interface Vote extends OfMessage {
  user_id: Id;
  answer_id: number;
}
export interface Ack {
  channel_id: Id;
  message_id: Id;
  mention_count?: number;
  manual?: boolean;
}

/** Notification settings of a community, or of private conversations. */
export interface WireGuildSettings {
  guild_id?: Id | null;
  message_notifications?: number;
  muted?: boolean;
  mute_config?: MuteConfig | null;
  suppress_everyone?: boolean;
  suppress_roles?: boolean;
  flags?: number;
  channel_overrides?: ChannelOverride[];
}
/** Settings of an account in their older, readable form. */
export interface UserSettings {
  guild_folders?: GuildFolder[];
}
/** Communities that lie together in the rail; without an id it is one that lies by itself. */
export interface GuildFolder {
  id: number | null;
  name?: string | null;
  color?: number | null;
  guild_ids: Id[];
}
export interface WireSession {
  session_id: string;
  status?: Status;
  activities?: Activity[];
}
export interface WireRelationship {
  id?: Id;
  user_id?: Id;
  user?: User;
  type: number;
  user_ignored?: boolean;
}
export interface WireReadState {
  id: Id;
  read_state_type?: number;
  last_message_id?: Id | number | null;
  mention_count?: number;
}

/** Some parts of READY are bare lists, some `{entries, partial, version}`, depending on capabilities. */
export type Entries<T> = T[] | { entries?: T[] } | null;

export interface Ready {
  session_id: string;
  resume_gateway_url?: string;
  user: User;
  users?: User[];
  guilds?: GatewayGuild[];
  merged_members?: PartialMember[][];
  private_channels?: WireChannel[];
  relationships?: Entries<WireRelationship>;
  user_guild_settings?: Entries<WireGuildSettings>;
  user_settings?: UserSettings;
  read_state?: Entries<WireReadState>;
  presences?: Entries<WirePresence>;
  sessions?: WireSession[];
}
export interface ReadySupplemental {
  guilds?: { id: Id; voice_states?: VoiceState[] }[];
  merged_members?: PartialMember[][];
  merged_presences?: { guilds?: WirePresence[][]; friends?: WirePresence[] };
}
