/** The signed-in account: its token, its gateway connection, and what happens to dispatches. */
import { auth, gateway as gatewayApi, setToken, setUnauthorizedHandler } from './api';
import { clearDrafts, saveDrafts } from './drafts';
import type { LinkStatus } from './gateway/core';
import { Op } from './gateway/table';
import { Gateway } from './gateway/shell';
import { loadLatest } from './history';
import { earlyUrl } from './gateway/early';
import { watchIdle } from './idle';
import { onInteraction } from './interactions';
import { Looking } from './looking';
import { forgetReady, keepReady, recallReady } from './offline';
import { readStorage, writeStorage } from './prefs.svelte';
import { router } from './router.svelte';
import { onDispatch } from './notice';
import { flushAcks } from './reading';
import { clearOutbox, flush, isUploading, restore } from './sending';
import { reduce } from './store/reducers';
import { expireTyping } from './store/reducers/channel';
import { isTextual } from './store/selectors';
import { store } from './store/store.svelte';
import type { Id, Status } from './types';
import { ui } from './ui.svelte';
import { voice } from './voice/voice.svelte';

const TOKEN_KEY = 'consort:token';
const STATUS_KEY = 'consort:status';
const CUSTOM_KEY = 'consort:custom-status';
/** Kind of an activity that is a person's own words (Discord developer docs, "Activity Types"). */
const CUSTOM = 4;
const RESUMED_SHOWN_MS = 3000;

/**
 * What this client can take (userdoccers, "Gateway Capabilities"): lazy notes, versioned read states and settings,
 * passive guild updates.
 */
const CAPABILITIES = (1 << 0) | (1 << 2) | (1 << 3) | (1 << 14);

class Session {
  token = $state<string | null>(readStorage<string>(TOKEN_KEY));
  link = $state<LinkStatus>('idle');
  /** How the last reconnection ended, shown for a moment. */
  restored = $state<'resumed' | 'renewed' | null>(null);
  status = $state<Status>(readStorage<Status>(STATUS_KEY) ?? 'online');
  /** The person's own words beside their status, and when they end (unix ms). */
  customStatus = $state.raw<{ text: string; until: number | null } | null>(readStorage(CUSTOM_KEY));
  /** What the gateway is told of what is on screen. */
  readonly looking = new Looking((subscriptions) => this.#gateway?.send(Op.guildSubscriptions, { subscriptions }));
  /** Whether files wait to be sent; set by what holds them. */
  holdsFiles: () => boolean = () => false;
  /** Takes a new message, to call the person; set by what does. */
  heard: (d: unknown) => void = () => {};
  /** Nobody has touched the page for a while. */
  #away = false;
  #gateway: Gateway | null = null;
  #restoredTimer: ReturnType<typeof setTimeout> | undefined;
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  #wasOnline = false;

  /** Begins to listen to the page and the network; once, when the page starts. */
  start(): void {
    setToken(this.token);
    voice.tell = (d) => this.#gateway?.send(Op.voiceStateUpdate, d);
    voice.look = (channel) => this.#gateway?.send(Op.callConnect, { channel_id: channel });
    setUnauthorizedHandler(() => this.#end('Your session has ended. Please log in again.'));
    addEventListener('pagehide', () => {
      saveDrafts();
      flushAcks();
    });
    watchIdle(window, (idle) => this.#setAway(idle));
    addEventListener('online', () => void flush(true));
    // The browser asks by itself before files that are on their way are given up.
    addEventListener('beforeunload', (e) => (isUploading() || this.holdsFiles()) && e.preventDefault());
    // Logging out in one tab logs out the others.
    addEventListener('storage', (e) => {
      if (e.key === TOKEN_KEY && !e.newValue && this.token) this.#end(null);
    });
    setInterval(() => {
      const now = Date.now();
      expireTyping(store, now);
      if (this.customStatus?.until && this.customStatus.until <= now) this.setCustomStatus('', null);
    }, 1000);
  }

  /** Takes a token from login or registration. */
  begin(token: string): void {
    this.token = token;
    setToken(token);
    writeStorage(TOKEN_KEY, token);
  }

  /** Replaces the token after a change of password. */
  renew(token: string): void {
    this.begin(token);
    this.disconnect();
    void this.connect();
  }

  async connect(): Promise<void> {
    if (this.#gateway || !this.token) return;
    const token = this.token;
    const gateway = new Gateway({
      dispatch: (t, d) => this.#dispatch(t, d),
      status: (status, resumed) => this.#onStatus(status, resumed),
      fatal: (code) =>
        this.#end(
          code === 4004
            ? 'Your session has ended. Please log in again.'
            : `The server closed the connection (${code}).`,
        ),
    });
    this.#gateway = gateway;
    this.link = 'connecting';
    try {
      const url = (await earlyUrl()) ?? (await gatewayApi.url()).url;
      if (this.#gateway !== gateway) return;
      gateway.start(url, {
        token,
        capabilities: CAPABILITIES,
        properties: { os: navigator.platform || 'web', browser: 'Consort Web', device: '' },
        presence: this.#presence(),
        compress: false,
      });
    } catch {
      if (this.#gateway !== gateway) return;
      this.#gateway = null;
      this.link = 'reconnecting';
      void this.#showKept();
      this.#startTimer = setTimeout(() => void this.connect(), 3000);
    }
  }

  disconnect(): void {
    clearTimeout(this.#startTimer);
    this.#gateway?.stop();
    this.#gateway = null;
    this.#wasOnline = false;
    this.link = 'idle';
  }

  retryNow(): void {
    if (this.#gateway) this.#gateway.retryNow();
    else void this.connect();
  }

  async logout(): Promise<void> {
    // The token is given up here even when the server cannot be told.
    await auth.logout().catch(() => {});
    this.#end(null);
    clearDrafts();
    clearOutbox();
  }

  setStatus(status: Status): void {
    this.status = status;
    writeStorage(STATUS_KEY, status);
    this.#tellPresence();
  }

  /** Shows words beside the status, until a time (unix ms); empty words take them away. */
  setCustomStatus(text: string, until: number | null): void {
    this.customStatus = text ? { text, until } : null;
    writeStorage(CUSTOM_KEY, this.customStatus);
    this.#tellPresence();
  }

  #tellPresence(): void {
    const presence = this.#presence();
    this.#gateway?.send(Op.presenceUpdate, presence);
    if (store.me)
      reduce(store, 'PRESENCE_UPDATE', {
        user: { id: store.me.id },
        status: presence.status,
        activities: presence.activities,
      });
  }

  #activities() {
    const { text, until } = this.customStatus ?? {};
    return text && (!until || until > Date.now()) ? [{ name: 'Custom Status', type: CUSTOM, state: text }] : [];
  }

  /** What others are told: somebody who is online but has not touched the page for a while is away. */
  #presence() {
    const status = this.#away && this.status === 'online' ? 'idle' : this.status;
    return { status, since: status === 'idle' ? Date.now() : 0, activities: this.#activities(), afk: this.#away };
  }

  #setAway(away: boolean): void {
    this.#away = away;
    if (this.status !== 'online') return;
    this.#tellPresence();
  }

  /** Asks for members whose name begins with `query`; they arrive as GUILD_MEMBERS_CHUNK. */
  requestMembers(guildId: Id, query: string, limit: number): void {
    this.#gateway?.send(Op.requestGuildMembers, { guild_id: guildId, query, limit, presences: true });
  }

  requestMembersById(guildId: Id, ids: Id[]): void {
    this.#gateway?.send(Op.requestGuildMembers, { guild_id: guildId, user_ids: ids.slice(0, 100), presences: true });
  }

  /** The person turns to a guild, or away from all of them. */
  turnTo(guildId: Id | null): void {
    const left = this.looking.turnTo(guildId);
    if (left) store.lookAway(left);
  }

  #dispatch(t: string, d: unknown): void {
    reduce(store, t, d);
    if (t === 'READY') {
      this.looking.begin();
      this.#fetchOpen();
      void restore();
      keepReady(d);
    }
    onDispatch(t, d);
    onInteraction(t, d);
    voice.heard(t, d);
    if (t === 'MESSAGE_CREATE') this.heard(d);
  }

  /** The channel that is open is fetched at once, not when it has been drawn. */
  #fetchOpen(): void {
    const { route } = router;
    if (route.page !== 'channel' || !route.channelId || route.messageId) return;
    const channel = store.channels.get(route.channelId);
    if (channel && isTextual(channel)) void loadLatest(channel.id);
  }

  /** Without a connection the page shows what it knew last; what is written then waits. */
  async #showKept(): Promise<void> {
    if (store.ready) return;
    const kept = await recallReady();
    if (!kept || store.ready || !this.token) return;
    reduce(store, 'READY', kept);
    void restore();
  }

  #onStatus(status: LinkStatus, resumed?: boolean): void {
    this.link = status;
    clearTimeout(this.#restoredTimer);
    if (status !== 'online') {
      this.restored = null;
      return;
    }
    if (this.#wasOnline) {
      this.restored = resumed ? 'resumed' : 'renewed';
      this.#restoredTimer = setTimeout(() => (this.restored = null), RESUMED_SHOWN_MS);
    }
    this.#wasOnline = true;
    if (resumed) void flush(true);
  }

  #end(reason: string | null): void {
    this.disconnect();
    this.token = null;
    setToken(null);
    writeStorage(TOKEN_KEY, null);
    forgetReady();
    store.reset();
    this.looking.reset();
    voice.reset();
    ui.dialogs = [];
    ui.profile = null;
    if (reason) ui.toast(reason, 'error');
    router.go('/login', true);
  }
}

export const session = new Session();
