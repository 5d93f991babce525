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
  pronouns?: string | null;
  banner?: string | null;
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
  media: 16,
} as const;

export interface ForumTag {
  id: Id;
  name: string;
  moderated?: boolean;
  emoji_id?: Id | null;
  emoji_name?: string | null;
}

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
  flags?: number;
  /** Tags of a forum, and of a post in it. */
  available_tags?: ForumTag[];
  applied_tags?: Id[];
  default_reaction_emoji?: { emoji_id?: Id | null; emoji_name?: string | null } | null;
  default_sort_order?: number | null;
  default_forum_layout?: number;
  default_auto_archive_duration?: number;
  last_pin_timestamp?: string | null;
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

export interface PollMedia {
  text?: string;
  emoji?: Emoji;
}

export interface Poll {
  question: PollMedia;
  answers: { answer_id: number; poll_media: PollMedia }[];
  expiry?: string | null;
  allow_multiselect?: boolean;
  results?: { is_finalized: boolean; answer_counts: { id: number; count: number; me_voted: boolean }[] };
}

/** A component of a message or a form; each type has some of the fields (Discord developer docs, "Component Reference"). */
export interface Component {
  type: number;
  id?: number;
  components?: Component[];
  component?: Component;
  accessory?: Component;
  custom_id?: string;
  style?: number;
  label?: string;
  description?: string;
  emoji?: Emoji;
  url?: string;
  disabled?: boolean;
  placeholder?: string;
  min_values?: number;
  max_values?: number;
  min_length?: number;
  max_length?: number;
  required?: boolean;
  value?: string;
  options?: { label: string; value: string; description?: string; emoji?: Emoji; default?: boolean }[];
  default_values?: { id: Id; type: 'user' | 'role' | 'channel' }[];
  channel_types?: number[];
  content?: string;
  media?: MediaItem;
  items?: { media: MediaItem; description?: string | null; spoiler?: boolean }[];
  file?: MediaItem;
  name?: string;
  size?: number;
  spoiler?: boolean;
  divider?: boolean;
  spacing?: number;
  accent_color?: number | null;
  default?: boolean;
}

export interface MediaItem {
  url: string;
  proxy_url?: string;
  width?: number | null;
  height?: number | null;
  content_type?: string;
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

export interface InteractionMetadata {
  id: Id;
  type: number;
  user: User;
  name?: string;
  command_type?: number;
  interacted_message_id?: Id;
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
  sticker_items?: { id: Id; name: string; format_type?: number }[];
  poll?: Poll;
  components?: Component[];
  application_id?: Id;
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

export const MessageType = {
  default: 0,
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
  silent: 1 << 12,
  componentsV2: 1 << 15,
} as const;

/** Whether only the own user sees a message, which is in no history. */
export const isEphemeral = (message: { flags?: number }): boolean =>
  ((message.flags ?? 0) & MessageFlag.ephemeral) !== 0;
