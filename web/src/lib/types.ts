/** Objects of the public API, reduced to the fields this client reads. */

export type Id = string;

export interface User {
  id: Id;
  username: string;
  discriminator?: string;
  global_name?: string | null;
  avatar?: string | null;
  bot?: boolean;
  system?: boolean;
  email?: string | null;
  bio?: string | null;
}

export interface Role {
  id: Id;
  name: string;
  color: number;
  hoist: boolean;
  position: number;
  permissions: string;
  managed?: boolean;
  mentionable: boolean;
  tags?: { bot_id?: Id };
}

export interface Member {
  user?: User;
  user_id: Id;
  nick?: string | null;
  avatar?: string | null;
  roles: Id[];
  joined_at?: string | null;
  communication_disabled_until?: string | null;
}

/** Overwrite kind 0 is a role, 1 a member. */
export interface Overwrite {
  id: Id;
  type: 0 | 1;
  allow: string;
  deny: string;
}

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
} as const;

export interface ThreadMetadata {
  archived: boolean;
  locked?: boolean;
  auto_archive_duration?: number;
  archive_timestamp?: string;
}

export interface Channel {
  id: Id;
  type: number;
  guild_id?: Id;
  name?: string | null;
  topic?: string | null;
  position?: number;
  parent_id?: Id | null;
  nsfw?: boolean;
  owner_id?: Id;
  icon?: string | null;
  rate_limit_per_user?: number;
  permission_overwrites?: Overwrite[];
  recipient_ids?: Id[];
  last_message_id?: Id | null;
  thread_metadata?: ThreadMetadata;
  message_count?: number;
  member_count?: number;
  /** Present on a thread the own user has joined. */
  member?: unknown;
}

export interface Emoji {
  id: Id | null;
  name: string;
  animated?: boolean;
  available?: boolean;
  user?: User;
}

export interface Attachment {
  id: Id;
  filename: string;
  title?: string;
  description?: string;
  size: number;
  url: string;
  proxy_url?: string;
  content_type?: string;
  width?: number | null;
  height?: number | null;
  flags?: number;
}

export interface Embed {
  type?: string;
  title?: string;
  description?: string;
  url?: string;
  color?: number;
  timestamp?: string;
  author?: { name: string; url?: string; icon_url?: string };
  footer?: { text: string; icon_url?: string };
  provider?: { name?: string; url?: string };
  image?: EmbedMedia;
  thumbnail?: EmbedMedia;
  fields?: { name: string; value: string; inline?: boolean }[];
}

export interface EmbedMedia {
  url: string;
  proxy_url?: string;
  width?: number;
  height?: number;
}

export interface Reaction {
  emoji: Emoji;
  count: number;
  me: boolean;
}

export interface Message {
  id: Id;
  channel_id: Id;
  guild_id?: Id;
  author: User;
  member?: Partial<Member>;
  content: string;
  timestamp: string;
  edited_timestamp?: string | null;
  type: number;
  flags?: number;
  pinned?: boolean;
  mention_everyone?: boolean;
  mentions: User[];
  mention_roles: Id[];
  attachments: Attachment[];
  embeds: Embed[];
  reactions?: Reaction[];
  nonce?: string | number;
  webhook_id?: Id;
  message_reference?: { message_id?: Id; channel_id?: Id; guild_id?: Id; type?: number };
  referenced_message?: Message | null;
  message_snapshots?: { message: Partial<Message> }[];
  sticker_items?: { id: Id; name: string }[];
  thread?: Channel;
  /** Set only on a message this client has not yet had accepted. */
  local?: LocalState;
}

/** What became of a message that is still only here. */
export interface LocalState {
  status: 'sending' | 'failed';
  error?: string;
  /** 0 to 1 while files are being uploaded. */
  progress?: number;
  previews?: { name: string; size: number; url?: string; width?: number; height?: number }[];
}

export interface Guild {
  id: Id;
  name: string;
  icon?: string | null;
  description?: string | null;
  owner_id: Id;
  roles: Role[];
  emojis: Emoji[];
  member_count: number;
  /** So large that the gateway may keep back what is not looked at. */
  large?: boolean;
  joined_at?: string;
  unavailable?: boolean;
  system_channel_id?: Id | null;
  system_channel_flags?: number;
  rules_channel_id?: Id | null;
  default_message_notifications?: number;
  verification_level?: number;
  features?: string[];
}

export type Status = 'online' | 'idle' | 'dnd' | 'invisible' | 'offline';

export interface Activity {
  name: string;
  type: number;
  state?: string;
  details?: string;
  emoji?: Emoji;
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

export interface VoiceState {
  user_id: Id;
  channel_id: Id | null;
  guild_id?: Id;
  self_mute?: boolean;
  self_deaf?: boolean;
  mute?: boolean;
  deaf?: boolean;
}

export interface Invite {
  code: string;
  guild?: { id: Id; name: string; icon?: string | null; description?: string | null };
  channel?: { id: Id; name: string; type: number };
  inviter?: User;
  expires_at?: string | null;
  approximate_member_count?: number;
  approximate_presence_count?: number;
  uses?: number;
  max_uses?: number;
  max_age?: number;
  temporary?: boolean;
  created_at?: string;
}

export const MessageType = { default: 0, pinned: 6, joined: 7, threadCreated: 18, reply: 19, command: 20, threadStarter: 21, contextMenu: 23 } as const;
