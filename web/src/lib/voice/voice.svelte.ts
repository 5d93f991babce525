/** The call that this page is in: joining, leaving, what is heard and what is said, and coming back by itself. */
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { has, Permission } from '../permissions';
import { calls } from '../api';
import { channelName, displayName, isPrivate, myPermissions } from '../store/selectors';
import { store } from '../store/store.svelte';
import type { Channel, Id, VoiceState } from '../types';
import type { CallGone, VoiceEffect } from '../gateway/payloads';
import { ui } from '../ui.svelte';
import type { DaveStatus } from './dave/core';
import type { Sealing } from './dave/sealing';
import type { LinkEvents, LinkState, VoiceLink } from './link';
import { levelOf } from './loudness';
import type { GateMode, Microphone } from './microphone';
import { voicePrefs, type VoicePrefs } from './prefs.svelte';
import { emojiOf, Sounds } from './sounds.svelte';

/** How long the server may take to say where the call is. */
const ANSWER_MS = 10_000;
/** Tries to come back after a call broke off, with growing pauses. */
const RETURNS_MAX = 6;
const RETURN_MS = 800;

const parts = () => import('./parts');
const loadSealing = () =>
  parts()
    .then(({ Sealing }) => Sealing.load())
    .catch(() => null);

export type CallState = 'idle' | 'joining' | LinkState;

export interface Place {
  /** None in a call of a private channel. */
  guildId: Id | null;
  channelId: Id;
}

/** What stands for the guild: the guild, or the private channel with the call. */
export const keyOf = (place: Place): Id => place.guildId ?? place.channelId;

/** Fields of VOICE_SERVER_UPDATE (Discord developer docs, "Voice Server Update"). */
interface ServerUpdate {
  token: string;
  guild_id: Id | null;
  channel_id?: Id;
  endpoint: string | null;
}

class Voice {
  place = $state.raw<Place | null>(null);
  state = $state<CallState>('idle');
  /** The round trip of packets, milliseconds; null until it was measured. */
  latency = $state<number | null>(null);
  /** Who is heard just now, oneself too. */
  readonly speaking = new SvelteSet<Id>();
  /** Pictures of others. */
  readonly cameras = new SvelteMap<Id, MediaStreamTrack>();
  /** What one shows, and whether it is a screen. */
  picture = $state.raw<{ track: MediaStreamTrack; isScreen: boolean } | null>(null);
  /** Why one is not heard, in words. */
  problem = $state<string | null>(null);
  /** Of the microphone, 0 to 1, and whether it is let through. */
  level = $state(0);
  open = $state(false);
  /** How things stand with encryption from end to end; null until that is known. */
  dave = $state.raw<DaveStatus | null>(null);
  /** What is played on the soundboard. */
  readonly sounds = new Sounds();
  /** The key for talking is held. */
  held = $state(false);
  /** Sends what the gateway is told of one's voice; set by who has the connection. */
  tell: (d: unknown) => void = () => {};
  /** Asks the gateway for the call of a private channel; set likewise. */
  look: (channelId: Id) => void = () => {};

  #link: VoiceLink | null = null;
  /** What is to encrypt the call that is being joined, on its way meanwhile. */
  #nextSealing: Promise<Sealing | null> | null = null;
  #sealing: Sealing | null = null;
  /** Whether this browser can encrypt from end to end. */
  seals = $state(true);
  #sessionId = '';
  /** The private channel whose people are rung once the call is there. */
  #rings: Id | null = null;
  /** Calls that were left for others, whose end is still to be told: without saying which. */
  #partings = 0;
  #answerTimer: ReturnType<typeof setTimeout> | undefined;
  #returnTimer: ReturnType<typeof setTimeout> | undefined;
  #returns = 0;
  #speakers = new Map<Id, HTMLAudioElement>();
  #watchers = 0;
  #microphone: Microphone | null = null;
  /** Counts connections, so that a late step of a former one is known. */
  #turn = 0;

  constructor() {
    if (typeof window === 'undefined') return;
    const typed = (e: KeyboardEvent) => e.code === voicePrefs.all.key && this.push(e.type === 'keydown');
    addEventListener('keydown', typed);
    addEventListener('keyup', typed);
    addEventListener('blur', () => this.push(false));
    addEventListener('pagehide', () => this.place && this.leave());
  }

  get channel(): Channel | undefined {
    return this.place ? store.channels.get(this.place.channelId) : undefined;
  }

  /** The own voice state, as everybody sees it. */
  get own(): VoiceState | undefined {
    return this.place ? store.voiceStates.get(keyOf(this.place))?.get(store.me?.id ?? '') : undefined;
  }

  get muted(): boolean {
    return voicePrefs.all.selfMute || voicePrefs.all.selfDeaf;
  }

  get deafened(): boolean {
    return voicePrefs.all.selfDeaf;
  }

  /** Others have taken the voice away: a moderator, or the channel's rules. */
  get silenced(): boolean {
    const { own } = this;
    // An invitation to speak is there to be taken up first.
    return own?.mute === true || own?.suppress === true || !!own?.request_to_speak_timestamp;
  }

  /** Whether one is heard only while a key is held. */
  get pushes(): boolean {
    const { channel } = this;
    const mayAct = !channel || has(myPermissions(store, channel), Permission.USE_VAD);
    return voicePrefs.all.mode === 'push' || !mayAct;
  }

  /** Joins a channel, or the call of a private one; whoever is in another leaves that one. */
  join(channel: Channel): void {
    const guildId = channel.guild_id ?? null;
    const { place } = this;
    if (place?.channelId === channel.id || !(guildId ? this.#mayJoin(channel, guildId) : isPrivate(channel))) return;
    if (place?.guildId && place.guildId !== guildId) this.#tell(null, place.guildId);
    this.#part();
    this.#drop();
    this.place = { guildId, channelId: channel.id };
    this.#returns = 0;
    this.#ask();
    void this.#openMicrophone();
  }

  /** Joins the call of a private channel, and rings the others if it only begins. */
  call(channel: Channel): void {
    this.#rings = store.calls.has(channel.id) ? null : channel.id;
    this.join(channel);
  }

  #mayJoin(channel: Channel, guildId: Id): boolean {
    const permissions = myPermissions(store, channel);
    const inside = [...(store.voiceStates.get(guildId)?.values() ?? [])].filter((v) => v.channel_id === channel.id);
    const full = channel.user_limit && inside.length >= channel.user_limit;
    if (!has(permissions, Permission.CONNECT)) ui.toast('You may not join this voice channel.', 'error');
    else if (full && !has(permissions, Permission.MOVE_MEMBERS)) ui.toast('This voice channel is full.', 'error');
    else return true;
    return false;
  }

  /** A call is left of which the gateway has said that one is in it. */
  #part(): void {
    if (this.place && !this.place.guildId && this.own) this.#partings += 1;
  }

  leave(): void {
    const { place } = this;
    if (!place) return;
    this.#part();
    this.#forget();
    this.#tell(null, place.guildId);
    ui.announce(place.guildId ? 'Left the voice channel' : 'Left the call');
  }

  toggleMute(): void {
    // Whoever is deafened and wants to be heard wants to hear, too.
    const muted = !this.muted;
    this.#setSelf(muted ? { selfMute: true } : { selfMute: false, selfDeaf: false });
    ui.announce(muted ? 'Muted' : 'Unmuted');
  }

  toggleDeaf(): void {
    const selfDeaf = !this.deafened;
    this.#setSelf({ selfDeaf });
    ui.announce(selfDeaf ? 'Deafened' : 'Undeafened');
  }

  /** Whether one may show camera and screen here. */
  get mayShow(): boolean {
    const { channel } = this;
    return !!channel && has(myPermissions(store, channel), Permission.STREAM);
  }

  /** Shows the camera or a screen, or what is shown no longer. */
  async toggleShow(what: 'camera' | 'screen'): Promise<void> {
    const isScreen = what === 'screen';
    const before = this.picture;
    this.#hide();
    if (before?.isScreen === isScreen) return this.#tellShow();
    try {
      const stream = isScreen
        ? await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 30 } })
        : await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 30 } });
      const track = stream.getVideoTracks()[0];
      if (!track || !this.place) return stream.getTracks().forEach((t) => t.stop());
      // Text of a screen is to be sharp, faces are to move.
      track.contentHint = isScreen ? 'detail' : 'motion';
      track.onended = () => this.picture?.track === track && (this.#hide(), this.#tellShow());
      this.picture = { track, isScreen };
    } catch (error) {
      const dismissed = isScreen && error instanceof DOMException && error.name === 'NotAllowedError';
      if (!dismissed) ui.toast(`The ${what} cannot be used.`, 'error');
    }
    this.#tellShow();
  }

  #hide(): void {
    this.picture?.track.stop();
    this.picture = null;
  }

  #tellShow(): void {
    if (this.place) this.#tell(this.place.channelId, this.place.guildId);
    void this.#link?.replaceTracks();
  }

  /** Digits to compare with somebody in the call, who sees the same; empty when there are none. */
  codeWith(user: Id): Promise<string> {
    return this.#sealing?.codeWith(user) ?? Promise.resolve('');
  }

  /** How what is said is encrypted; `waiting`: nothing is sent until keys are there. */
  get encryption(): 'sealed' | 'waiting' | 'clear' {
    if (!this.dave?.version) return 'clear';
    return this.dave.ready ? 'sealed' : 'waiting';
  }

  /** Somebody has the keys of this call, as oneself has. */
  isSealedWith(user: Id): boolean {
    return this.encryption === 'sealed' && this.dave!.members.includes(user);
  }

  /** The key for talking is held, or is no longer. */
  push(held: boolean): void {
    if (this.held === held) return;
    this.held = held;
    this.#setGate();
  }

  setVolume(userId: Id, volume: number): void {
    voicePrefs.setVolume(userId, volume);
    const element = this.#speakers.get(userId);
    if (element) element.volume = volume;
  }

  /** Takes a change of the settings. */
  change(change: Partial<VoicePrefs>): void {
    voicePrefs.set(change);
    if ('output' in change) for (const element of this.#speakers.values()) this.#direct(element);
    const reopens: (keyof VoicePrefs)[] = ['input', 'echoCancellation', 'noiseSuppression', 'autoGain'];
    if (reopens.some((key) => key in change) && (this.place || this.#watchers)) void this.#openMicrophone();
    else this.#setGate();
  }

  /** Keeps the microphone open to be looked at; gives how to stop that. */
  watch(): () => void {
    this.#watchers += 1;
    if (!this.#microphone?.track) void this.#openMicrophone();
    return () => {
      this.#watchers -= 1;
      if (!this.#watchers && !this.place) this.#microphone?.close();
    };
  }

  /** Takes what the gateway says. */
  heard(t: string, d: unknown): void {
    if (t === 'VOICE_STATE_UPDATE') this.#stateChanged(d as VoiceState);
    else if (t === 'VOICE_SERVER_UPDATE') void this.#serverChanged(d as ServerUpdate);
    else if (t === 'VOICE_CHANNEL_EFFECT_SEND') this.#effect(d as VoiceEffect);
    else if (t === 'CALL_CREATE' && (d as CallGone).channel_id === this.#rings) this.#ring();
    else if (t === 'READY' && this.place) this.#renew();
    else if (t === 'CHANNEL_DELETE' && (d as Channel).id === this.place?.channelId) this.#forget();
    else if (t === 'GUILD_DELETE' && (d as { id: Id }).id === this.place?.guildId) this.#forget();
  }

  /** Everything ends: the account is logged out. */
  reset(): void {
    this.#forget();
    this.#partings = 0;
  }

  // --- the gateway ---

  /** Another session of the gateway: what the one before was in, it is not. */
  #renew(): void {
    this.#partings = 0;
    if (this.place && !this.place.guildId) this.look(this.place.channelId);
    this.#comeBack();
  }

  #ring(): void {
    const channel = this.#rings;
    this.#rings = null;
    if (channel) void calls.ring(channel).catch(() => ui.toast('Nobody could be rung.', 'error'));
  }

  #tell(channelId: Id | null, guildId: Id | null): void {
    const { selfMute, selfDeaf } = voicePrefs.all;
    this.tell({
      guild_id: guildId,
      channel_id: channelId,
      self_mute: selfMute || selfDeaf,
      self_deaf: selfDeaf,
      self_video: channelId !== null && this.picture !== null,
    });
  }

  #ask(): void {
    const { place } = this;
    if (!place) return;
    this.state = this.#returns ? 'reconnecting' : 'joining';
    this.#nextSealing ??= loadSealing();
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#comeBack(), ANSWER_MS);
    this.#tell(place.channelId, place.guildId);
  }

  #stateChanged(d: VoiceState): void {
    const { place } = this;
    if (d.user_id !== store.me?.id) return;
    if (!d.guild_id && !d.channel_id && this.#partings) return void (this.#partings -= 1);
    if (!place || (d.guild_id ?? null) !== place.guildId) return;
    if (!d.channel_id) {
      // Thrown out, or another of this account's windows has left.
      if (this.#link) ui.toast(`You are no longer in the ${place.guildId ? 'voice channel' : 'call'}.`);
      if (this.#link || this.state === 'connected') this.#forget();
      return;
    }
    if (this.#sessionId && d.session_id && d.session_id !== this.#sessionId && this.#link) {
      ui.toast('You joined voice from somewhere else.');
      this.#forget();
      return;
    }
    this.#sessionId = d.session_id ?? '';
    if (d.channel_id !== place.channelId) {
      // Nobody is moved from call to call: that is of one which was left.
      if (!place.guildId) return;
      this.place = { ...place, channelId: d.channel_id };
      ui.announce(`Moved to ${this.channel?.name ?? 'another voice channel'}`);
    }
    this.#setGate();
  }

  async #serverChanged(d: ServerUpdate): Promise<void> {
    const { place } = this;
    const me = store.me?.id;
    if (!place || !me || d.guild_id !== place.guildId) return;
    if (!place.guildId && d.channel_id !== place.channelId) return;
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#returnTimer);
    this.#drop();
    const { endpoint, token } = d;
    const turn = this.#turn;
    const { VoiceLink } = await parts();
    const sealing = await (this.#nextSealing ?? loadSealing());
    if (!endpoint || turn !== this.#turn) return;
    this.#nextSealing = null;
    this.#sealing = sealing;
    this.seals = sealing !== null;
    const events: LinkEvents = {
      state: (state) => this.#link === link && this.#linkChanged(state),
      latency: (ms) => (this.latency = ms),
      speaking: (user, how) => this.#setSpeaking(user, (how & 1) !== 0),
      track: (user, kind, track) => (kind === 'audio' ? this.#play(user, track) : this.cameras.set(user, track)),
      gone: (user, kind) => (kind === 'audio' ? this.#silence(user) : this.cameras.delete(user)),
      dave: (status) => this.#link === link && (this.dave = status),
      lost: () => this.#link === link && this.#comeBack(),
    };
    const link: VoiceLink = new VoiceLink(endpoint, () => this.#tracks(), events, sealing);
    this.#link = link;
    // Who has begun to speak meanwhile says nothing more of it until the next pause.
    link.speak(this.open ? 1 : 0);
    this.#setSpeaking(me, this.open);
    link.start({ server_id: keyOf(place), user_id: me, session_id: this.#sessionId, token }, place.channelId);
  }

  #linkChanged(state: LinkState): void {
    const before = this.state;
    this.state = state;
    if (state !== 'connected') return;
    this.#returns = 0;
    if (before !== 'connected')
      ui.announce(`Connected to ${this.channel ? channelName(store, this.channel) : 'voice'}`);
  }

  /** Asks for the call again, after a pause that grows. */
  #comeBack(): void {
    this.#drop();
    clearTimeout(this.#returnTimer);
    clearTimeout(this.#answerTimer);
    if (!this.place) return;
    if (this.#returns >= RETURNS_MAX) {
      this.leave();
      return ui.toast('The voice server does not answer.', 'error');
    }
    this.state = 'reconnecting';
    this.#returnTimer = setTimeout(() => this.#ask(), RETURN_MS * 2 ** this.#returns);
    this.#returns += 1;
  }

  #drop(): void {
    this.#turn += 1;
    this.#link?.stop();
    this.#link = null;
    this.#sealing = null;
    this.dave = null;
    this.latency = null;
    this.speaking.clear();
    this.cameras.clear();
    for (const user of [...this.#speakers.keys()]) this.#silence(user);
  }

  #forget(): void {
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#returnTimer);
    this.#drop();
    this.#hide();
    this.sounds.stop();
    this.place = null;
    this.state = 'idle';
    this.problem = null;
    this.#sessionId = '';
    this.#rings = null;
    void this.#nextSealing?.then((sealing) => sealing?.stop());
    this.#nextSealing = null;
    if (!this.#watchers) this.#microphone?.close();
  }

  /** Somebody plays a sound. */
  #effect(d: VoiceEffect): void {
    if (d.channel_id !== this.place?.channelId || !d.sound_id) return;
    const sound = [...store.guilds.values()].flatMap((g) => g.sounds ?? []).find((s) => s.sound_id === d.sound_id);
    const name = sound?.name ?? 'a sound';
    this.sounds.show(d.user_id, { emoji: d.emoji ?? (sound ? emojiOf(sound) : null), name });
    if (d.user_id !== store.me?.id) ui.announce(`${displayName(store, d.user_id, d.guild_id)} played ${name}`);
    if (this.deafened) return;
    const volume = (d.sound_volume ?? 1) * voicePrefs.all.sounds * voicePrefs.volumeOf(d.user_id);
    this.sounds.play(d.sound_id, volume, (element) => this.#direct(element));
  }

  // --- what is said ---

  async #openMicrophone(): Promise<void> {
    const { Microphone, refusal } = await parts();
    this.#microphone ??= new Microphone({
      level: (level, open) => this.#measured(level, open),
      ended: () => void this.#openMicrophone(),
    });
    try {
      await this.#microphone.open(voicePrefs.all);
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof Error && !(error instanceof DOMException) ? error.message : refusal(error);
    }
    if (!this.place && !this.#watchers) return this.#microphone?.close();
    this.#setGate();
    await this.#link?.replaceTracks();
  }

  #tracks() {
    return { microphone: this.#microphone?.track ?? null, picture: this.picture?.track ?? null };
  }

  #setSelf(change: Partial<VoicePrefs>): void {
    this.change(change);
    for (const element of this.#speakers.values()) element.muted = this.deafened;
    if (this.place) this.#tell(this.place.channelId, this.place.guildId);
  }

  #setGate(): void {
    const quiet = this.muted || this.silenced || (!this.place && !this.#watchers);
    const mode: GateMode = quiet ? 'never' : this.pushes ? (this.held ? 'always' : 'never') : 'voice';
    this.#microphone?.set(mode, levelOf(voicePrefs.all.threshold));
  }

  #measured(level: number, open: boolean): void {
    this.level = level;
    if (this.open === open) return;
    this.open = open;
    if (!this.#link) return;
    this.#link.speak(open ? 1 : 0);
    this.#setSpeaking(store.me?.id ?? '', open);
  }

  // --- what is heard ---

  #setSpeaking(user: Id, speaks: boolean): void {
    if (speaks) this.speaking.add(user);
    else this.speaking.delete(user);
  }

  #play(user: Id, track: MediaStreamTrack): void {
    this.#silence(user);
    const element = new Audio();
    element.srcObject = new MediaStream([track]);
    element.volume = voicePrefs.volumeOf(user);
    element.muted = this.deafened;
    element.dataset.voiceOf = user;
    element.setAttribute('aria-label', `Voice of ${displayName(store, user, this.place?.guildId ?? undefined)}`);
    element.hidden = true;
    document.body.append(element);
    this.#direct(element);
    this.#speakers.set(user, element);
    // A browser that wants a click first has had one: that on the channel.
    void element.play().catch(() => {});
  }

  #silence(user: Id): void {
    const element = this.#speakers.get(user);
    if (!element) return;
    element.srcObject = null;
    element.remove();
    this.#speakers.delete(user);
  }

  /** To the device of the settings, where a browser lets pages choose. */
  #direct(element: HTMLAudioElement): void {
    if ('setSinkId' in element) void element.setSinkId(voicePrefs.all.output).catch(() => {});
  }
}

export const voice = new Voice();
