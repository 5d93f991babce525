/** Objects of the API as this client holds them. Their fields are those of the published document: see `api-types.mjs`. */
import type * as Wire from './api/schema';

export type {
  Attachment,
  AuditEntry,
  Ban,
  Embed,
  EmbedMedia,
  Emoji,
  ForumTag,
  Id,
  Invite,
  MediaItem,
  Onboarding,
  OnboardingOption,
  OnboardingPrompt,
  Overwrite,
  Poll,
  PollMedia,
  Reaction,
  Role,
  SoundboardSound,
  StageInstance,
  Sticker,
  StickerItem,
  ThreadMetadata,
  VoiceState,
  Webhook,
  WelcomeChannel,
  WelcomeScreen,
} from './api/schema';
type Id = Wire.Id;

/** An account; the last two only of one's own, or in a profile. */
export interface User extends Wire.User {
  bio?: string | null;
  pronouns?: string | null;
}

export interface Member extends Omit<Wire.WireMember, 'user' | 'joined_at'> {
  user?: User;
  user_id: Id;
  joined_at?: string | null;
}

/** Kinds of overwrites. */
export const OverwriteType = { role: 0, member: 1 } as const;

export const ChannelType = {
  text: 0,
  dm: 1,
  voice: 2,
  groupDm: 3,
  category: 4,
  announcement: 5,
  announcementThread: 10,
  publicThread: 11,
  privateThread: 12,
  stage: 13,
  forum: 15,
  media: 16,
} as const;

export interface Channel extends Omit<Wire.WireChannel, 'recipients' | 'member'> {
  recipient_ids?: Id[];
  /** Present on a thread the own user has joined. */
  member?: Wire.ThreadMember;
}

/** A component of a message or a form; each type has some of the fields (Discord developer docs, "Component Reference"). */
export interface Component extends Omit<Wire.WireComponent, 'components' | 'accessory'> {
  components?: Component[];
  accessory?: Component;
  /** Of a label: what it stands over. */
  component?: Component;
  /** Of a checkbox: whether it begins checked. */
  default?: boolean;
}

export const ComponentType = {
  row: 1,
  button: 2,
  stringSelect: 3,
  textInput: 4,
  userSelect: 5,
  roleSelect: 6,
  mentionableSelect: 7,
  channelSelect: 8,
  section: 9,
  text: 10,
  thumbnail: 11,
  gallery: 12,
  file: 13,
  separator: 14,
  container: 17,
  label: 18,
  fileUpload: 19,
  radios: 21,
  checkboxes: 22,
  checkbox: 23,
} as const;

/** By whom and how a message of an application was asked for. */
export interface InteractionMetadata {
  id: Id;
  type: number;
  user: User;
  name?: string;
  command_type?: number;
  interacted_message_id?: Id;
}

export interface Message extends Omit<Wire.WireMessage, 'components'> {
  guild_id?: Id;
  member?: Partial<Member>;
  components?: Component[];
  referenced_message?: Message | null;
  message_snapshots?: { message: Partial<Message> }[];
  interaction_metadata?: InteractionMetadata;
  thread?: Channel;
  /** Set only on a message this client has not yet had accepted. */
  local?: LocalState;
}

/** What became of a message that is still only here. */
export interface LocalState {
  /** `waiting` goes out by itself when the server can be reached; `failed` was refused. */
  status: 'sending' | 'waiting' | 'failed';
  error?: string;
  /** It cannot be sent again: its files are gone. */
  lost?: boolean;
  /** It stands for an answer that an application has not given yet, not for something written here. */
  answer?: 'asked' | 'thinking';
  /** 0 to 1 while files are being uploaded. */
  progress?: number;
  previews?: { name: string; size: number; url?: string; width?: number; height?: number }[];
}

export interface Guild extends Wire.WireGuild {
  member_count: number;
  sounds?: Wire.SoundboardSound[];
  /** So large that the gateway may keep back what is not looked at. */
  large?: boolean;
  joined_at?: string;
  unavailable?: boolean;
}

export type Status = 'online' | 'idle' | 'dnd' | 'invisible' | 'offline';

export interface Activity {
  name: string;
  type: number;
  state?: string;
  details?: string;
  emoji?: Wire.Emoji;
}

export interface Presence {
  status: Status;
  activities: Activity[];
}

export interface ReadState {
  last_message_id: Id;
  mention_count: number;
}

/** Relationship kind: 1 friend, 2 blocked, 3 incoming request, 4 outgoing request. */
export interface Relationship {
  id: Id;
  type: number;
}

export const MessageType = {
  default: 0,
  call: 3,
  pinned: 6,
  joined: 7,
  threadCreated: 18,
  reply: 19,
  command: 20,
  threadStarter: 21,
  contextMenu: 23,
  pollResult: 46,
} as const;

/** Flags of a message that this client acts on (Discord developer docs, "Message Flags"). */
export const MessageFlag = {
  crossposted: 1 << 0,
  isCrosspost: 1 << 1,
  suppressEmbeds: 1 << 2,
  ephemeral: 1 << 6,
  loading: 1 << 7,
  silent: 1 << 12,
  componentsV2: 1 << 15,
} as const;

/** Whether a message only says that an application's answer will come. */
export const isPromise = (message: { flags?: number }): boolean => ((message.flags ?? 0) & MessageFlag.loading) !== 0;

/** Whether only the own user sees a message, which is in no history. */
export const isEphemeral = (message: { flags?: number }): boolean =>
  ((message.flags ?? 0) & MessageFlag.ephemeral) !== 0;
