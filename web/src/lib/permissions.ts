/** Permission bits and the rule that computes them (Discord developer docs, "Permissions"). */
import type { Channel, Guild, Id, Member, Overwrite } from './types';

export const Permission = {
  CREATE_INSTANT_INVITE: 1n << 0n,
  KICK_MEMBERS: 1n << 1n,
  BAN_MEMBERS: 1n << 2n,
  ADMINISTRATOR: 1n << 3n,
  MANAGE_CHANNELS: 1n << 4n,
  MANAGE_GUILD: 1n << 5n,
  ADD_REACTIONS: 1n << 6n,
  VIEW_AUDIT_LOG: 1n << 7n,
  VIEW_CHANNEL: 1n << 10n,
  SEND_MESSAGES: 1n << 11n,
  MANAGE_MESSAGES: 1n << 13n,
  EMBED_LINKS: 1n << 14n,
  ATTACH_FILES: 1n << 15n,
  READ_MESSAGE_HISTORY: 1n << 16n,
  MENTION_EVERYONE: 1n << 17n,
  USE_EXTERNAL_EMOJIS: 1n << 18n,
  CONNECT: 1n << 20n,
  SPEAK: 1n << 21n,
  PRIORITY_SPEAKER: 1n << 8n,
  STREAM: 1n << 9n,
  SEND_TTS_MESSAGES: 1n << 12n,
  VIEW_GUILD_INSIGHTS: 1n << 19n,
  USE_VAD: 1n << 25n,
  REQUEST_TO_SPEAK: 1n << 32n,
  MANAGE_EVENTS: 1n << 33n,
  USE_EXTERNAL_STICKERS: 1n << 37n,
  USE_EMBEDDED_ACTIVITIES: 1n << 39n,
  USE_SOUNDBOARD: 1n << 42n,
  CREATE_EVENTS: 1n << 44n,
  USE_EXTERNAL_SOUNDS: 1n << 45n,
  SEND_VOICE_MESSAGES: 1n << 46n,
  SET_VOICE_CHANNEL_STATUS: 1n << 48n,
  USE_EXTERNAL_APPS: 1n << 50n,
  BYPASS_SLOWMODE: 1n << 52n,
  MUTE_MEMBERS: 1n << 22n,
  DEAFEN_MEMBERS: 1n << 23n,
  MOVE_MEMBERS: 1n << 24n,
  CHANGE_NICKNAME: 1n << 26n,
  MANAGE_NICKNAMES: 1n << 27n,
  MANAGE_ROLES: 1n << 28n,
  MANAGE_WEBHOOKS: 1n << 29n,
  MANAGE_GUILD_EXPRESSIONS: 1n << 30n,
  USE_APPLICATION_COMMANDS: 1n << 31n,
  MANAGE_THREADS: 1n << 34n,
  CREATE_PUBLIC_THREADS: 1n << 35n,
  CREATE_PRIVATE_THREADS: 1n << 36n,
  SEND_MESSAGES_IN_THREADS: 1n << 38n,
  MODERATE_MEMBERS: 1n << 40n,
  CREATE_GUILD_EXPRESSIONS: 1n << 43n,
  SEND_POLLS: 1n << 49n,
  PIN_MESSAGES: 1n << 51n,
} as const;

export const ALL_PERMISSIONS = (1n << 53n) - 1n;

/** What a member in time-out keeps. */
const TIMEOUT_KEEPS = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY;

/** What falls away with the right to send. */
const NEEDS_SEND = Permission.MENTION_EVERYONE | Permission.ATTACH_FILES | Permission.EMBED_LINKS;

export interface PermissionInfo {
  key: keyof typeof Permission;
  label: string;
  help: string;
  group: 'General' | 'Membership' | 'Messages' | 'Voice' | 'Advanced';
  /** Whether it may be set for one channel. */
  channel: boolean;
}

const info = (
  group: PermissionInfo['group'],
  key: PermissionInfo['key'],
  label: string,
  help: string,
  channel = false,
): PermissionInfo => ({ key, label, help, group, channel });

/** Every permission the settings pages offer, in the order shown. */
export const PERMISSION_INFO: PermissionInfo[] = [
  info('General', 'VIEW_CHANNEL', 'View channels', 'See channels and who is in them.', true),
  info('General', 'MANAGE_CHANNELS', 'Manage channels', 'Create, edit and delete channels.', true),
  info('General', 'MANAGE_ROLES', 'Manage roles', 'Create and edit roles below their own highest one.', true),
  info('General', 'MANAGE_GUILD', 'Manage community', 'Change name and icon, and add bots.'),
  info('General', 'VIEW_AUDIT_LOG', 'View audit log', 'Read who changed what.'),
  info('General', 'CREATE_GUILD_EXPRESSIONS', 'Create emoji', 'Add custom emoji.'),
  info('General', 'MANAGE_GUILD_EXPRESSIONS', 'Manage emoji', 'Rename and remove custom emoji.'),
  info('General', 'MANAGE_WEBHOOKS', 'Manage webhooks', 'Create, edit and delete webhooks.', true),
  info('General', 'CREATE_EVENTS', 'Create events', 'Plan events.', true),
  info('General', 'MANAGE_EVENTS', 'Manage events', 'Change and cancel the events of others.', true),
  info('General', 'VIEW_GUILD_INSIGHTS', 'View insights', 'See figures about the community.'),
  info('Membership', 'CREATE_INSTANT_INVITE', 'Create invites', 'Invite new people.', true),
  info('Membership', 'CHANGE_NICKNAME', 'Change nickname', 'Change their own nickname here.'),
  info('Membership', 'MANAGE_NICKNAMES', 'Manage nicknames', 'Change the nicknames of others.'),
  info('Membership', 'KICK_MEMBERS', 'Kick members', 'Remove members; they can come back with an invite.'),
  info('Membership', 'BAN_MEMBERS', 'Ban members', 'Remove members for good.'),
  info('Membership', 'MODERATE_MEMBERS', 'Time out members', 'Keep members from writing and speaking for a while.'),
  info('Messages', 'SEND_MESSAGES', 'Send messages', 'Write in text channels.', true),
  info('Messages', 'SEND_MESSAGES_IN_THREADS', 'Send in threads', 'Write in threads.', true),
  info('Messages', 'CREATE_PUBLIC_THREADS', 'Create threads', 'Start threads everyone can see.', true),
  info('Messages', 'CREATE_PRIVATE_THREADS', 'Create private threads', 'Start threads for invited people.', true),
  info('Messages', 'EMBED_LINKS', 'Embed links', 'Show previews for links they post.', true),
  info('Messages', 'ATTACH_FILES', 'Attach files', 'Upload files and images.', true),
  info('Messages', 'ADD_REACTIONS', 'Add reactions', 'React with new emoji.', true),
  info('Messages', 'USE_EXTERNAL_EMOJIS', 'Use emoji from elsewhere', 'Use custom emoji of other communities.', true),
  info('Messages', 'USE_EXTERNAL_STICKERS', 'Use stickers from elsewhere', 'Use stickers of other communities.', true),
  info('Messages', 'MENTION_EVERYONE', 'Mention everyone', 'Notify everyone, and any role.', true),
  info('Messages', 'MANAGE_MESSAGES', 'Manage messages', 'Delete the messages of others.', true),
  info('Messages', 'SEND_POLLS', 'Start polls', 'Ask the others to vote.', true),
  info('Messages', 'PIN_MESSAGES', 'Pin messages', 'Pin and unpin messages.', true),
  info('Messages', 'MANAGE_THREADS', 'Manage threads', 'Rename, archive and delete threads.', true),
  info('Messages', 'READ_MESSAGE_HISTORY', 'Read history', 'Read what was written before.', true),
  info('Messages', 'USE_APPLICATION_COMMANDS', 'Use commands', 'Use the commands of bots.', true),
  info(
    'Messages',
    'USE_EXTERNAL_APPS',
    'Use own apps',
    'Show everyone the answers of apps they installed themselves.',
    true,
  ),
  info('Messages', 'SEND_VOICE_MESSAGES', 'Send voice messages', 'Send recordings.', true),
  info('Messages', 'SEND_TTS_MESSAGES', 'Send spoken messages', 'Send messages that are read aloud.', true),
  info('Messages', 'BYPASS_SLOWMODE', 'Bypass slow mode', 'Write without waiting.', true),
  info('Voice', 'CONNECT', 'Connect', 'Join voice channels.', true),
  info('Voice', 'SPEAK', 'Speak', 'Talk in voice channels.', true),
  info('Voice', 'STREAM', 'Video', 'Share camera and screen.', true),
  info('Voice', 'MUTE_MEMBERS', 'Mute members', 'Mute others in voice channels.', true),
  info('Voice', 'DEAFEN_MEMBERS', 'Deafen members', 'Deafen others in voice channels.', true),
  info('Voice', 'MOVE_MEMBERS', 'Move members', 'Move others between voice channels.', true),
  info('Voice', 'USE_VAD', 'Use voice activity', 'Talk without holding a key.', true),
  info('Voice', 'PRIORITY_SPEAKER', 'Priority speaker', 'Be heard above the others.', true),
  info('Voice', 'REQUEST_TO_SPEAK', 'Ask to speak', 'Ask for a turn on stages.', true),
  info('Voice', 'USE_EMBEDDED_ACTIVITIES', 'Use activities', 'Start activities in voice channels.', true),
  info('Voice', 'USE_SOUNDBOARD', 'Use the soundboard', 'Play sounds.', true),
  info('Voice', 'USE_EXTERNAL_SOUNDS', 'Use sounds from elsewhere', 'Play sounds of other communities.', true),
  info('Voice', 'SET_VOICE_CHANNEL_STATUS', 'Set a channel’s status', 'Say what a voice channel is about.', true),
  info('Advanced', 'ADMINISTRATOR', 'Administrator', 'Everything, in every channel. Give it with care.'),
];

/** Reads a permission string; anything unreadable is no permission. */
export function bits(value: string | number | null | undefined): bigint {
  try {
    return BigInt(value ?? 0);
  } catch {
    return 0n;
  }
}

export const has = (set: bigint, permission: bigint): boolean => (set & permission) === permission;

function timedOut(member: Member, nowMs: number): boolean {
  const until = member.communication_disabled_until;
  return !!until && Date.parse(until) > nowMs;
}

/** What `member` may do in the guild as a whole. */
export function guildPermissions(guild: Guild, member: Member | undefined, userId: Id, nowMs = Date.now()): bigint {
  if (guild.owner_id === userId) return ALL_PERMISSIONS;
  let set = 0n;
  for (const role of guild.roles) {
    if (role.id === guild.id || member?.roles.includes(role.id)) set |= bits(role.permissions);
  }
  if (has(set, Permission.ADMINISTRATOR)) return ALL_PERMISSIONS;
  return member && timedOut(member, nowMs) ? set & TIMEOUT_KEEPS : set;
}

function applyOverwrites(
  base: bigint,
  overwrites: Overwrite[],
  guildId: Id,
  member: Member | undefined,
  userId: Id,
): bigint {
  let set = base;
  const everyone = overwrites.find((o) => o.id === guildId);
  if (everyone) set = (set & ~bits(everyone.deny)) | bits(everyone.allow);
  let allow = 0n;
  let deny = 0n;
  for (const o of overwrites) {
    if (o.type === 0 && o.id !== guildId && member?.roles.includes(o.id)) {
      allow |= bits(o.allow);
      deny |= bits(o.deny);
    }
  }
  set = (set & ~deny) | allow;
  const own = overwrites.find((o) => o.type === 1 && o.id === userId);
  return own ? (set & ~bits(own.deny)) | bits(own.allow) : set;
}

/** What `member` may do in `channel`; a thread takes the rights of its parent. */
export function channelPermissions(
  guild: Guild,
  channel: Channel,
  parent: Channel | undefined,
  member: Member | undefined,
  userId: Id,
  nowMs = Date.now(),
): bigint {
  const base = guildPermissions(guild, member, userId, nowMs);
  if (base === ALL_PERMISSIONS) return base;
  const thread = isThread(channel);
  const source = thread ? parent : channel;
  let set = applyOverwrites(base, source?.permission_overwrites ?? [], guild.id, member, userId);
  if (member && timedOut(member, nowMs)) set &= TIMEOUT_KEEPS;
  if (!has(set, Permission.VIEW_CHANNEL)) return 0n;
  const send = thread ? Permission.SEND_MESSAGES_IN_THREADS : Permission.SEND_MESSAGES;
  if (!has(set, send)) set &= ~NEEDS_SEND;
  return set;
}

export function isThread(channel: { type: number }): boolean {
  return channel.type >= 10 && channel.type <= 12;
}

/** Whether two lists of overwrites say the same; entries that say nothing do not count. */
export function sameOverwrites(a: Overwrite[], b: Overwrite[]): boolean {
  const lines = (list: Overwrite[]) =>
    list
      .filter((o) => bits(o.allow) !== 0n || bits(o.deny) !== 0n)
      .map((o) => `${o.type}/${o.id}/${bits(o.allow)}/${bits(o.deny)}`)
      .sort();
  return lines(a).join() === lines(b).join();
}
