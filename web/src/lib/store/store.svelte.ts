/** Everything the client knows, in maps whose values are replaced, never changed in place. */
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type {
  Channel,
  Guild,
  Id,
  Member,
  Presence,
  ReadState,
  Relationship,
  StageInstance,
  User,
  VoiceState,
} from '../types';
import type { GuildFolder } from '../gateway/payloads';
import { Echoes } from './echoes';
import { ChannelLog } from './log.svelte';
import { RangedList, type ListMember } from './memberlist.svelte';
import type { GuildSettings } from './notify';

/** A call in a private channel. */
export interface Call {
  /** Who is rung. */
  ringing: readonly Id[];
}

export class Store {
  me = $state.raw<User | null>(null);
  /** Whether the first READY has been taken in. */
  ready = $state(false);
  /** Counts READYs: what was fetched in an earlier epoch may be stale. */
  epoch = $state(0);
  guildOrder = $state.raw<Id[]>([]);
  /** The order of the rail, as the settings of the account have it: see `folders.ts`. */
  folders = $state.raw<GuildFolder[]>([]);

  readonly guilds = new SvelteMap<Id, Guild>();
  /** Guild channels, threads and private channels. */
  readonly channels = new SvelteMap<Id, Channel>();
  /** Newest message of a channel; apart from `channels` because it changes with every message. */
  readonly lastMessage = new SvelteMap<Id, Id>();
  readonly users = new SvelteMap<Id, User>();
  readonly presences = new SvelteMap<Id, Presence>();
  readonly relationships = new SvelteMap<Id, Relationship>();
  /** Notification settings by community; `@me` for private conversations. */
  readonly guildSettings = new SvelteMap<Id, GuildSettings>();
  readonly readStates = new SvelteMap<Id, ReadState>();
  /** Channel -> user -> unix ms when the sign goes out. */
  readonly typing = new SvelteMap<Id, ReadonlyMap<Id, number>>();
  /** Guild -> user -> voice state; a call stands under its private channel. */
  readonly voiceStates = new SvelteMap<Id, ReadonlyMap<Id, VoiceState>>();
  /** Calls that go on in private channels, by channel. */
  readonly calls = new SvelteMap<Id, Call>();
  /** What goes on in stage channels, by channel. */
  readonly stages = new SvelteMap<Id, StageInstance>();
  /** People who are ignored: their messages are folded and call nobody, and they are not told. */
  readonly ignored = new SvelteSet<Id>();
  /** Channel -> how often its pins have changed. */
  readonly pinChanges = new SvelteMap<Id, number>();
  readonly echoes = new Echoes();
  readonly memberLists = new SvelteMap<Id, RangedList>();

  #members = new Map<Id, SvelteMap<Id, Member>>();
  #logs = new Map<Id, ChannelLog>();
  /** Channels the person is looking at the end of; their messages are read as they come. */
  watched = $state.raw<Id | null>(null);

  members(guildId: Id): SvelteMap<Id, Member> {
    let map = this.#members.get(guildId);
    if (!map) this.#members.set(guildId, (map = new SvelteMap()));
    return map;
  }

  member(guildId: Id | undefined, userId: Id): Member | undefined {
    return guildId ? this.members(guildId).get(userId) : undefined;
  }

  log(channelId: Id): ChannelLog {
    let log = this.#logs.get(channelId);
    if (!log) this.#logs.set(channelId, (log = new ChannelLog()));
    return log;
  }

  /** The log of a channel if it was opened before. */
  knownLog(channelId: Id): ChannelLog | undefined {
    return this.#logs.get(channelId);
  }

  addUser(user: User | undefined | null): void {
    if (!user?.id) return;
    const known = this.users.get(user.id);
    if (!known) this.users.set(user.id, user);
    else if (user.username && !sameUser(known, user)) this.users.set(user.id, { ...known, ...user });
  }

  /** Learns someone from an old message, which may show them as they were then. */
  addUnknownUser(user: User | undefined | null): void {
    if (user?.id && !this.users.has(user.id)) this.users.set(user.id, user);
  }

  addMember(guildId: Id, raw: Partial<Member> & { user?: User }, userId = raw.user?.id ?? raw.user_id): void {
    if (!userId) return;
    this.addUser(raw.user);
    const map = this.members(guildId);
    const { user: _user, ...rest } = raw as Member;
    const known = map.get(userId);
    const next = { ...(known ?? { roles: [] }), ...rest, roles: raw.roles ?? known?.roles ?? [], user_id: userId };
    // Every message brings its author's: what shows the member is drawn again only for something new.
    if (!known || !sameFields(known, next)) map.set(userId, next);
  }

  /** Takes over someone whom only a member list knew. */
  learnMember(guildId: Id, member: ListMember): void {
    if (this.users.has(member.user.id)) return;
    const { presence, ...rest } = member;
    this.addMember(guildId, rest);
    if (presence)
      this.presences.set(member.user.id, { status: presence.status, activities: presence.activities ?? [] });
  }

  /** Of a large guild that is not looked at no messages, edits and reactions come: what is held of it is loaded anew. */
  lookAway(guildId: Id): void {
    if (!this.guilds.get(guildId)?.large) return;
    for (const [channelId, log] of this.#logs) if (this.channels.get(channelId)?.guild_id === guildId) log.stale = true;
    this.memberLists.delete(guildId);
  }

  setVoiceState(guildId: Id, state: VoiceState): void {
    const next = new Map(this.voiceStates.get(guildId));
    if (state.channel_id) next.set(state.user_id, state);
    else next.delete(state.user_id);
    this.voiceStates.set(guildId, next);
  }

  removeChannel(id: Id): void {
    this.channels.delete(id);
    this.stages.delete(id);
    this.calls.delete(id);
    this.voiceStates.delete(id);
    this.lastMessage.delete(id);
    this.readStates.delete(id);
    this.typing.delete(id);
    this.#logs.delete(id);
  }

  removeGuild(id: Id): void {
    for (const channel of [...this.channels.values()]) if (channel.guild_id === id) this.removeChannel(channel.id);
    this.guilds.delete(id);
    this.#members.delete(id);
    this.voiceStates.delete(id);
    this.memberLists.delete(id);
    this.guildOrder = this.guildOrder.filter((g) => g !== id);
  }

  /** Forgets everything but messages, as before a READY. */
  clear(): void {
    for (const map of [
      this.guilds,
      this.channels,
      this.lastMessage,
      this.presences,
      this.relationships,
      this.guildSettings,
      this.readStates,
      this.typing,
      this.voiceStates,
      this.calls,
      this.stages,
      this.memberLists,
      this.ignored,
    ])
      map.clear();
    this.#members.clear();
    this.echoes.clear();
    // An open channel shows what it has until it is loaded anew.
    for (const log of this.#logs.values()) log.stale = true;
    this.guildOrder = this.folders = [];
  }

  /** Forgets everything, as at logout. */
  reset(): void {
    this.clear();
    this.#logs.clear();
    this.users.clear();
    this.me = null;
    this.ready = false;
    this.epoch = 0;
    this.watched = null;
  }
}

/** Whether two members say the same; lists are compared by what is in them. */
function sameFields(a: Member, b: Member): boolean {
  const keys = Object.keys(b) as (keyof Member)[];
  return (
    keys.length === Object.keys(a).length &&
    keys.every((k) => a[k] === b[k] || (k === 'roles' && sameList(a.roles, b.roles)))
  );
}
const sameList = (a: Id[], b: Id[]) => a.length === b.length && a.every((id, i) => id === b[i]);

function sameUser(a: User, b: User): boolean {
  return (
    a.username === b.username &&
    a.global_name === b.global_name &&
    a.avatar === b.avatar &&
    a.bot === b.bot &&
    a.email === (b.email ?? a.email)
  );
}

export const store = new Store();
