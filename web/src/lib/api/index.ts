/** The routes this client uses, one line each. */
import type { Channel, Emoji, Guild, Id, Invite, Message, Role, User } from '../types';
import type { GuildFolder } from '../gateway/payloads';
import { request, type RequestOptions } from './client';
import type {
  Application,
  AuditEntry,
  Ban,
  Command,
  Integration,
  Onboarding,
  SoundboardSound,
  StageInstance,
  Sticker,
  Webhook,
  WelcomeScreen,
  WireMember,
} from './schema';

export type { Application, AuditEntry, Ban, Command, CommandOption, Integration, Webhook } from './schema';

export { describe, ApiError } from './errors';
export { setToken, setUnauthorizedHandler } from './client';

const get = <T>(path: string, query?: RequestOptions['query']) => request<T>('GET', path, { query });
const post = <T = void>(path: string, body?: unknown, options: RequestOptions = {}) =>
  request<T>('POST', path, { body, ...options });
const patch = <T = void>(path: string, body: unknown, options: RequestOptions = {}) =>
  request<T>('PATCH', path, { body, ...options });
const put = <T = void>(path: string, body?: unknown, options: RequestOptions = {}) =>
  request<T>('PUT', path, { body, idempotent: true, ...options });
const del = <T = void>(path: string, options: RequestOptions = {}) =>
  request<T>('DELETE', path, { idempotent: true, ...options });

export interface Session {
  id_hash: string;
  approx_last_used_time?: string;
  client_info?: { os?: string | null; platform?: string | null; location?: string | null };
}

export const auth = {
  register: (body: {
    email: string;
    username: string;
    global_name?: string;
    password: string;
    date_of_birth?: string;
    consent: boolean;
    invite?: string;
  }) => post<{ token: string; user_id?: Id }>('/auth/register', body),
  login: (login: string, password: string) => post<{ token: string; user_id: Id }>('/auth/login', { login, password }),
  logout: () => post('/auth/logout', { provider: null, voip_provider: null }),
  sessions: () => get<{ user_sessions?: Session[] } | Session[]>('/auth/sessions'),
  endSessions: (hashes: string[], password: string) =>
    post('/auth/sessions/logout', { session_id_hashes: hashes, password }),
  instance: () => get<Record<string, unknown>>('/instance'),
};

export const users = {
  modifyMe: (body: Record<string, unknown>) => patch<User & { token?: string }>('/users/@me', body),
  profile: (id: Id, guildId?: Id) =>
    get<{
      user: User;
      user_profile?: { bio?: string; pronouns?: string };
      mutual_guilds?: { id: Id }[];
      mutual_friends?: User[];
    }>(`/users/${id}/profile`, {
      guild_id: guildId,
      with_mutual_guilds: true,
      with_mutual_friends: true,
    }),
  note: (id: Id) => get<{ note: string }>(`/users/@me/notes/${id}`),
  setNote: (id: Id, note: string) => put(`/users/@me/notes/${id}`, { note }),
  get: (id: Id) => get<User>(`/users/${id}`),
  openDm: (ids: Id[]) => post<Channel & { recipients?: User[] }>('/users/@me/channels', { recipients: ids }),
  requestFriend: (username: string) => post('/users/@me/relationships', { username, discriminator: null }),
  setRelationship: (id: Id, type?: number) => put(`/users/@me/relationships/${id}`, type ? { type } : {}),
  removeRelationship: (id: Id) => del(`/users/@me/relationships/${id}`),
  ignore: (id: Id) => put(`/users/@me/relationships/${id}/ignore`),
  stopIgnoring: (id: Id) => del(`/users/@me/relationships/${id}/ignore`),
  leaveGuild: (id: Id) => del(`/users/@me/guilds/${id}`),
};

export const webhooks = {
  ofGuild: (id: Id) => get<Webhook[]>(`/guilds/${id}/webhooks`),
  create: (channel: Id, name: string) => post<Webhook>(`/channels/${channel}/webhooks`, { name }),
  modify: (id: Id, body: Record<string, unknown>) => patch<Webhook>(`/webhooks/${id}`, body),
  remove: (id: Id) => del(`/webhooks/${id}`),
};

export const guilds = {
  integrations: (id: Id) => get<Integration[]>(`/guilds/${id}/integrations`),
  removeIntegration: (id: Id, integration: Id) => del(`/guilds/${id}/integrations/${integration}`),
  create: (name: string, icon?: string | null) => post<Guild>('/guilds', { name, icon: icon ?? null }),
  modify: (id: Id, body: Record<string, unknown>) => patch<Guild>(`/guilds/${id}`, body),
  remove: (id: Id) => del(`/guilds/${id}`),
  createChannel: (id: Id, body: Record<string, unknown>) => post<Channel>(`/guilds/${id}/channels`, body),
  moveChannels: (id: Id, body: { id: Id; position?: number; parent_id?: Id | null }[]) =>
    patch(`/guilds/${id}/channels`, body),
  createRole: (id: Id, body: Record<string, unknown>) => post<Role>(`/guilds/${id}/roles`, body),
  modifyRole: (id: Id, role: Id, body: Record<string, unknown>) => patch<Role>(`/guilds/${id}/roles/${role}`, body),
  moveRoles: (id: Id, body: { id: Id; position: number }[]) => patch<Role[]>(`/guilds/${id}/roles`, body),
  deleteRole: (id: Id, role: Id) => del(`/guilds/${id}/roles/${role}`),
  members: (id: Id, after?: Id) =>
    get<{ user: User; roles: Id[]; nick?: string | null; joined_at?: string }[]>(`/guilds/${id}/members`, {
      limit: 1000,
      after,
    }),
  searchMembers: (id: Id, query: string) =>
    get<{ user: User; roles: Id[]; nick?: string | null; joined_at?: string }[]>(`/guilds/${id}/members/search`, {
      query,
      limit: 50,
    }),
  modifyMember: (id: Id, user: Id, body: Record<string, unknown>, reason?: string) =>
    patch(`/guilds/${id}/members/${user}`, body, { reason }),
  modifyOwnMember: (id: Id, body: Record<string, unknown>) => patch<WireMember>(`/guilds/${id}/members/@me`, body),
  addRole: (id: Id, user: Id, role: Id) => put(`/guilds/${id}/members/${user}/roles/${role}`),
  removeRole: (id: Id, user: Id, role: Id) => del(`/guilds/${id}/members/${user}/roles/${role}`),
  kick: (id: Id, user: Id, reason?: string) => del(`/guilds/${id}/members/${user}`, { reason }),
  ban: (id: Id, user: Id, seconds: number, reason?: string) =>
    put(`/guilds/${id}/bans/${user}`, { delete_message_seconds: seconds }, { reason }),
  unban: (id: Id, user: Id) => del(`/guilds/${id}/bans/${user}`),
  bans: (id: Id) => get<Ban[]>(`/guilds/${id}/bans`, { limit: 1000 }),
  invites: (id: Id) => get<Invite[]>(`/guilds/${id}/invites`),
  auditLog: (id: Id, before?: Id) =>
    get<{ audit_log_entries: AuditEntry[]; users: User[] }>(`/guilds/${id}/audit-logs`, { limit: 50, before }),
  createEmoji: (id: Id, name: string, image: string) => post<Emoji>(`/guilds/${id}/emojis`, { name, image, roles: [] }),
  renameEmoji: (id: Id, emoji: Id, name: string) => patch<Emoji>(`/guilds/${id}/emojis/${emoji}`, { name }),
  createSticker: (id: Id, body: { name: string; description: string; tags: string }, file: File) =>
    request<Sticker>('POST', `/guilds/${id}/stickers`, { body, files: [file] }),
  modifySticker: (id: Id, sticker: Id, body: Record<string, unknown>) =>
    patch<Sticker>(`/guilds/${id}/stickers/${sticker}`, body),
  deleteSticker: (id: Id, sticker: Id) => del(`/guilds/${id}/stickers/${sticker}`),
  welcomeScreen: (id: Id) => get<WelcomeScreen>(`/guilds/${id}/welcome-screen`),
  modifyWelcomeScreen: (id: Id, body: Record<string, unknown>) =>
    patch<WelcomeScreen>(`/guilds/${id}/welcome-screen`, body),
  onboarding: (id: Id) => get<Onboarding>(`/guilds/${id}/onboarding`),
  modifyOnboarding: (id: Id, body: Record<string, unknown>) => put<Onboarding>(`/guilds/${id}/onboarding`, body),
  answerOnboarding: (id: Id, options: Id[]) =>
    put(`/guilds/${id}/onboarding-responses`, { onboarding_responses: options }),
  deleteEmoji: (id: Id, emoji: Id) => del(`/guilds/${id}/emojis/${emoji}`),
};

export const sounds = {
  create: (guild: Id, body: { name: string; sound: string; volume: number; emoji_id?: Id; emoji_name?: string }) =>
    post<SoundboardSound>(`/guilds/${guild}/soundboard-sounds`, body),
  modify: (guild: Id, sound: Id, body: Record<string, unknown>) =>
    patch<SoundboardSound>(`/guilds/${guild}/soundboard-sounds/${sound}`, body),
  remove: (guild: Id, sound: Id) => del(`/guilds/${guild}/soundboard-sounds/${sound}`),
  play: (channel: Id, sound: Id, guild?: Id | null) =>
    post(`/channels/${channel}/send-soundboard-sound`, { sound_id: sound, source_guild_id: guild }),
};

/** Ringing in the call of a private channel; without names, all of the others, or oneself. */
export const calls = {
  ring: (channel: Id) => post(`/channels/${channel}/call/ring`, { recipients: null }),
  stopRinging: (channel: Id) => post(`/channels/${channel}/call/stop-ringing`, {}),
};

/** Only communities see their stages: the other levels of privacy are no more (Discord developer docs, "Stage Instance"). */
const GUILD_ONLY = 2;

export const stages = {
  open: (channel: Id, topic: string, notify: boolean) =>
    post<StageInstance>('/stage-instances', {
      channel_id: channel,
      topic,
      privacy_level: GUILD_ONLY,
      send_start_notification: notify,
    }),
  modify: (channel: Id, topic: string) => patch<StageInstance>(`/stage-instances/${channel}`, { topic }),
  close: (channel: Id) => del(`/stage-instances/${channel}`),
  /** Of somebody, or of the own user. */
  modifyVoice: (guild: Id, channel: Id, user: Id | null, body: SpeakingChange) =>
    patch(`/guilds/${guild}/voice-states/${user ?? '@me'}`, { channel_id: channel, ...body }),
};

/** Who may speak on a stage, and who asks to (Discord developer docs, "Modify Current User Voice State"). */
export interface SpeakingChange {
  suppress?: boolean;
  request_to_speak_timestamp?: string | null;
}

export const invites = {
  get: (code: string) => get<Invite>(`/invites/${encodeURIComponent(code)}`, { with_counts: true }),
  accept: (code: string) =>
    post<Invite & { guild_id?: Id; channel?: { id: Id } }>(`/invites/${encodeURIComponent(code)}`, {}),
  create: (channel: Id, body: Record<string, unknown>) => post<Invite>(`/channels/${channel}/invites`, body),
  remove: (code: string) => del(`/invites/${encodeURIComponent(code)}`),
};

export interface PinPage {
  items: { pinned_at: string; message: Message }[];
  has_more: boolean;
}

export const channels = {
  get: (id: Id) => get<Channel>(`/channels/${id}`),
  modify: (id: Id, body: Record<string, unknown>) => patch<Channel>(`/channels/${id}`, body),
  remove: (id: Id) => del(`/channels/${id}`),
  setOverwrite: (id: Id, overwrite: Id, body: { type: number; allow: string; deny: string }) =>
    put(`/channels/${id}/permissions/${overwrite}`, body),
  addRecipient: (id: Id, user: Id) => put(`/channels/${id}/recipients/${user}`, {}),
  removeRecipient: (id: Id, user: Id) => del(`/channels/${id}/recipients/${user}`),
  removeOverwrite: (id: Id, overwrite: Id) => del(`/channels/${id}/permissions/${overwrite}`),
  messages: (id: Id, query: { before?: Id; after?: Id; around?: Id; limit: number }) =>
    get<Message[]>(`/channels/${id}/messages`, query),
  message: (id: Id, message: Id) => get<Message>(`/channels/${id}/messages/${message}`),
  crosspost: (id: Id, message: Id) => post<Message>(`/channels/${id}/messages/${message}/crosspost`),
  follow: (id: Id, into: Id) => post(`/channels/${id}/followers`, { webhook_channel_id: into }),
  bulkDelete: (id: Id, messages: Id[]) => post(`/channels/${id}/messages/bulk-delete`, { messages }),
  send: (
    id: Id,
    body: Record<string, unknown>,
    files: File[] = [],
    onProgress?: (fraction: number) => void,
    signal?: AbortSignal,
  ) =>
    request<Message>(
      'POST',
      `/channels/${id}/messages`,
      files.length ? { body, files, onProgress, signal } : { body, signal },
    ),
  edit: (id: Id, message: Id, content: string) => patch<Message>(`/channels/${id}/messages/${message}`, { content }),
  deleteMessage: (id: Id, message: Id) => del(`/channels/${id}/messages/${message}`),
  react: (id: Id, message: Id, emoji: string) => put(`/channels/${id}/messages/${message}/reactions/${emoji}/@me`),
  unreact: (id: Id, message: Id, emoji: string) => del(`/channels/${id}/messages/${message}/reactions/${emoji}/@me`),
  reactors: (id: Id, message: Id, emoji: string) =>
    get<User[]>(`/channels/${id}/messages/${message}/reactions/${emoji}`, { limit: 25 }),
  pins: (id: Id, before?: string) => get<PinPage>(`/channels/${id}/messages/pins`, { limit: 50, before }),
  pin: (id: Id, message: Id) => put(`/channels/${id}/messages/pins/${message}`),
  unpin: (id: Id, message: Id) => del(`/channels/${id}/messages/pins/${message}`),
  typing: (id: Id) => post(`/channels/${id}/typing`),
  ack: (id: Id, message: Id) => post(`/channels/${id}/messages/${message}/ack`, { token: null }, { keepalive: true }),
  ackManually: (id: Id, message: Id, mentions: number) =>
    post(`/channels/${id}/messages/${message}/ack`, { manual: true, mention_count: mentions }),
  ackBulk: (read: { channel_id: Id; message_id: Id; read_state_type: number }[]) =>
    post('/read-states/ack-bulk', { read_states: read }),
  startThread: (id: Id, message: Id, name: string) =>
    post<Channel>(`/channels/${id}/messages/${message}/threads`, { name, auto_archive_duration: 4320 }),
  createThread: (id: Id, name: string) =>
    post<Channel>(`/channels/${id}/threads`, { name, type: 11, auto_archive_duration: 4320 }),
  createPost: (id: Id, body: Record<string, unknown>, files: File[], onProgress: (fraction: number) => void) =>
    post<Channel>(`/channels/${id}/threads`, body, files.length ? { files, onProgress } : {}),
  searchThreads: (id: Id, query: RequestOptions['query']) =>
    get<{ threads: Channel[]; has_more: boolean }>(`/channels/${id}/threads/search`, query),
  archivedThreads: (id: Id) =>
    get<{ threads: Channel[]; has_more: boolean }>(`/channels/${id}/threads/archived/public`, { limit: 50 }),
  joinThread: (id: Id) => put(`/channels/${id}/thread-members/@me`),
  threadMembers: (id: Id) =>
    get<{ user_id: Id; member?: WireMember }[]>(`/channels/${id}/thread-members`, { with_member: true, limit: 100 }),
  addThreadMember: (id: Id, user: Id) => put(`/channels/${id}/thread-members/${user}`),
  removeThreadMember: (id: Id, user: Id) => del(`/channels/${id}/thread-members/${user}`),
  leaveThread: (id: Id) => del(`/channels/${id}/thread-members/@me`),
};

export interface CommandIndex {
  applications: Application[];
  application_commands: Command[];
}

export const interactions = {
  start: (body: Record<string, unknown>, files: File[] = []) => request('POST', '/interactions', { body, files }),
  index: (channel: Id) => get<CommandIndex>(`/channels/${channel}/application-command-index`),
};

export const settings = {
  modify: (body: { guild_folders: GuildFolder[] }) => patch('/users/@me/settings', body),
  /** `@me` for private conversations. */
  modifyGuild: (id: Id, body: object) => patch(`/users/@me/guilds/${id}/settings`, body),
};

export const polls = {
  vote: (channel: Id, message: Id, answers: number[]) =>
    put(`/channels/${channel}/polls/${message}/answers/@me`, { answer_ids: answers.map(String) }),
  voters: (channel: Id, message: Id, answer: number) =>
    get<{ users: User[] }>(`/channels/${channel}/polls/${message}/answers/${answer}`, { limit: 100 }),
  end: (channel: Id, message: Id) => post<Message>(`/channels/${channel}/polls/${message}/expire`),
};

/** What a bot is let in with: itself, and its commands. */
const BOT_SCOPES = 'bot applications.commands';

export const applications = {
  list: () => get<Application[]>('/applications'),
  create: (name: string) => post<Application>('/applications', { name }),
  modify: (id: Id, body: Record<string, unknown>) => patch<Application>(`/applications/${id}`, body),
  remove: (id: Id) => post(`/applications/${id}/delete`, {}),
  createBot: (id: Id) => post<{ token?: string }>(`/applications/${id}/bot`, {}),
  commands: (id: Id) => get<Command[]>(`/applications/${id}/commands`),
  removeCommand: (id: Id, command: Id) => del(`/applications/${id}/commands/${command}`),
  emojis: (id: Id) => get<{ items: Emoji[] }>(`/applications/${id}/emojis`),
  createEmoji: (id: Id, name: string, image: string) => post<Emoji>(`/applications/${id}/emojis`, { name, image }),
  removeEmoji: (id: Id, emoji: Id) => del(`/applications/${id}/emojis/${emoji}`),
  resetBotToken: (id: Id) => post<{ token: string }>(`/applications/${id}/bot/reset`, {}),
  authorizeInfo: (clientId: Id, permissions?: string) =>
    get<{
      application: Application;
      bot?: User;
      guilds?: { id: Id; name: string; icon?: string | null; permissions?: string }[];
    }>('/oauth2/authorize', { client_id: clientId, scope: BOT_SCOPES, permissions }),
  authorize: (clientId: Id, guildId: Id, permissions: string) =>
    request<{ location?: string }>('POST', '/oauth2/authorize', {
      query: { client_id: clientId, scope: BOT_SCOPES, permissions },
      body: { guild_id: guildId, permissions, authorize: true, integration_type: 0 },
    }),
};

export const gateway = {
  url: () => get<{ url: string }>('/gateway'),
};

export interface Found {
  total_results: number;
  messages: [Message][];
}

/** The index is being made; `retry_after` is in seconds. */
export interface NotReady {
  documents_indexed: number;
  retry_after: number;
}

export const search = {
  guild: (id: Id, query: RequestOptions['query'], signal: AbortSignal) =>
    request<Found | NotReady>('GET', `/guilds/${id}/messages/search`, { query, signal }),
  channel: (id: Id, query: RequestOptions['query'], signal: AbortSignal) =>
    request<Found | NotReady>('GET', `/channels/${id}/messages/search`, { query, signal }),
};
