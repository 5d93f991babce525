/** Made by `npm run types`: change `gateway.tsv` instead. */
import type {
  Ack,
  CallChange,
  CallGone,
  ChannelsUnread,
  EmojisChanged,
  GatewayGuild,
  GatewayMessage,
  GuildGone,
  GuildMember,
  MemberGone,
  MemberListUpdate,
  MembersChunk,
  MessageChange,
  MessageGone,
  MessagesGone,
  PassiveUpdate,
  PinsChanged,
  ReactionChange,
  ReactionEmojiGone,
  ReactionsGone,
  Ready,
  ReadySupplemental,
  Recipient,
  RoleChanged,
  RoleGone,
  SoundGone,
  SoundboardSound,
  SoundsChanged,
  StageInstance,
  StickersChanged,
  ThreadGone,
  ThreadList,
  ThreadMembers,
  ThreadMembership,
  Typing,
  User,
  UserSettings,
  VoiceEffect,
  VoiceState,
  Vote,
  WireChannel,
  WireGuildSettings,
  WirePresence,
  WireRelationship,
  WireSession,
} from './payloads';

export const Op = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  presenceUpdate: 3,
  voiceStateUpdate: 4,
  resume: 6,
  reconnect: 7,
  requestGuildMembers: 8,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
  callConnect: 13,
  guildSubscriptions: 37,
} as const;

/** Close codes after which connecting again with the same IDENTIFY cannot help. */
export const FATAL_CLOSES: ReadonlySet<number> = new Set([4004, 4010, 4011, 4012, 4013, 4014, 4015]);

/** Close codes that say the session or its sequence is unusable. */
export const SESSION_LOST_CLOSES: ReadonlySet<number> = new Set([4007]);

/** What each dispatch carries. */
export interface Dispatches {
  READY: Ready;
  READY_SUPPLEMENTAL: ReadySupplemental;
  GUILD_CREATE: GatewayGuild;
  GUILD_UPDATE: GatewayGuild;
  GUILD_DELETE: GuildGone;
  GUILD_ROLE_CREATE: RoleChanged;
  GUILD_ROLE_UPDATE: RoleChanged;
  GUILD_ROLE_DELETE: RoleGone;
  GUILD_EMOJIS_UPDATE: EmojisChanged;
  GUILD_STICKERS_UPDATE: StickersChanged;
  GUILD_MEMBER_ADD: GuildMember;
  GUILD_MEMBER_UPDATE: GuildMember;
  GUILD_MEMBER_REMOVE: MemberGone;
  GUILD_MEMBERS_CHUNK: MembersChunk;
  GUILD_MEMBER_LIST_UPDATE: MemberListUpdate;
  PASSIVE_UPDATE_V2: PassiveUpdate;
  CHANNEL_CREATE: WireChannel;
  CHANNEL_UPDATE: WireChannel;
  CHANNEL_PINS_UPDATE: PinsChanged;
  CHANNEL_DELETE: WireChannel;
  THREAD_CREATE: WireChannel;
  THREAD_UPDATE: WireChannel;
  THREAD_DELETE: ThreadGone;
  THREAD_LIST_SYNC: ThreadList;
  THREAD_MEMBER_UPDATE: ThreadMembership;
  THREAD_MEMBERS_UPDATE: ThreadMembers;
  CHANNEL_RECIPIENT_ADD: Recipient;
  CHANNEL_RECIPIENT_REMOVE: Recipient;
  CHANNEL_UNREAD_UPDATE: ChannelsUnread;
  TYPING_START: Typing;
  VOICE_STATE_UPDATE: VoiceState;
  VOICE_CHANNEL_EFFECT_SEND: VoiceEffect;
  CALL_CREATE: CallChange;
  CALL_UPDATE: CallChange;
  CALL_DELETE: CallGone;
  STAGE_INSTANCE_CREATE: StageInstance;
  STAGE_INSTANCE_UPDATE: StageInstance;
  STAGE_INSTANCE_DELETE: StageInstance;
  GUILD_SOUNDBOARD_SOUND_CREATE: SoundboardSound;
  GUILD_SOUNDBOARD_SOUND_UPDATE: SoundboardSound;
  GUILD_SOUNDBOARD_SOUND_DELETE: SoundGone;
  GUILD_SOUNDBOARD_SOUNDS_UPDATE: SoundsChanged;
  MESSAGE_CREATE: GatewayMessage;
  MESSAGE_UPDATE: MessageChange;
  MESSAGE_DELETE: MessageGone;
  MESSAGE_DELETE_BULK: MessagesGone;
  MESSAGE_REACTION_ADD: ReactionChange;
  MESSAGE_REACTION_REMOVE: ReactionChange;
  MESSAGE_REACTION_REMOVE_ALL: ReactionsGone;
  MESSAGE_REACTION_REMOVE_EMOJI: ReactionEmojiGone;
  MESSAGE_POLL_VOTE_ADD: Vote;
  MESSAGE_POLL_VOTE_REMOVE: Vote;
  MESSAGE_ACK: Ack;
  USER_UPDATE: User;
  USER_GUILD_SETTINGS_UPDATE: WireGuildSettings;
  USER_SETTINGS_UPDATE: UserSettings;
  PRESENCE_UPDATE: WirePresence;
  SESSIONS_REPLACE: WireSession[];
  RELATIONSHIP_ADD: WireRelationship;
  RELATIONSHIP_UPDATE: WireRelationship;
  RELATIONSHIP_REMOVE: WireRelationship;
}
