/** One connection to a voice server: feeds `VoiceCore` from a WebSocket and a timer, and keeps the browser's peer connection in step with it. */
import { VoiceCore, VoiceOp, type StreamSlot, type VoiceIdentity, type VoiceInput, type VoiceOutput } from './core';
import { DAVE_VERSION, type DaveStatus } from './dave/core';
import type { Sealing } from './dave/sealing';
import { answer, codecs, fragment, payloadTypes, ownSsrcs, type OwnSsrcs, type PayloadTypes, type Slot } from './sdp';

/** How often the way to the server is measured. */
const MEASURE_MS = 3_000;
/** How long a peer connection may be cut before another is made; browsers mend short cuts themselves. */
const MEND_MS = 4_000;

/** Packets of a voice that come while nothing of them is played, until that stream is taken for stuck: half a second. */
const STUCK_PACKETS = 25;
/** Peer connections that are made anew because one stream is stuck. */
const STUCK_MAX = 2;
/** Peer connections that are tried over one session. */
const FAILURES_MAX = 2;
/** What browsers say of a socket that ended without a word. */
const CUT = 1006;

export type LinkState = 'connecting' | 'connected' | 'reconnecting';

export interface LinkEvents {
  state(state: LinkState): void;
  /** The round trip of packets, in milliseconds. */
  latency(ms: number): void;
  speaking(user: string, how: number): void;
  /** A stream of somebody is there. */
  track(user: string, kind: 'audio' | 'video', track: MediaStreamTrack): void;
  /** Somebody's stream is gone. */
  gone(user: string, kind: 'audio' | 'video'): void;
  /** How things stand with encryption from end to end. */
  dave(status: DaveStatus): void;
  /** The session is over; `code` is what the server closed with. */
  lost(code: number): void;
}

/** What is read of a connection's statistics (W3C, "Identifiers for WebRTC's Statistics API"). */
interface Stat {
  type: string;
  kind?: string;
  ssrc?: number;
  nominated?: boolean;
  currentRoundTripTime?: number;
  packetsReceived?: number;
  jitterBufferEmittedCount?: number;
}

export class VoiceLink {
  readonly #core = new VoiceCore();
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #measuring: ReturnType<typeof setInterval> | undefined;
  #mending: ReturnType<typeof setTimeout> | undefined;
  /** The page's own address first: a browser trusts it already. */
  #direct = false;
  #pc: RTCPeerConnection | null = null;
  #types: PayloadTypes | null = null;
  #server = '';
  #slots: Slot[] = [];
  /** Who is to be heard, by kind and SSRC. */
  readonly #wanted = new Map<string, { audio?: number; video?: { ssrc: number; rtx: number } }>();
  /** Under what the browser sends; the server translates. */
  #own: OwnSsrcs = { audio: 0, video: { ssrc: 0, rtx: 0 } };
  /** Changes of the description, one after the other. */
  #chain: Promise<unknown> = Promise.resolve();
  #how = 0;
  #streams: StreamSlot[] = [];
  #shows = false;
  /** Peer connections that did not come about, one after the other. */
  #failures = 0;
  /** What has come and was played of each voice when it was last looked at, by SSRC. */
  #played = new Map<number, { packets: number; played: number }>();
  #stuck = 0;
  #stopped = false;
  #described = false;
  #nudge = () => this.#input({ type: 'nudge' });

  constructor(
    private readonly endpoint: string,
    /** What is sent: the microphone, and a camera or a screen. */
    private readonly tracks: () => { microphone: MediaStreamTrack | null; picture: MediaStreamTrack | null },
    private readonly events: LinkEvents,
    /** What encrypts from end to end; null where that cannot be done. */
    private readonly sealing: Sealing | null,
  ) {}

  /** `channel`: the one that the call is in, by which its group is named. */
  start(identity: VoiceIdentity, channel: string): void {
    addEventListener('online', this.#nudge);
    this.events.state('connecting');
    this.sealing?.begin(identity.user_id, channel, {
      send: (output) => {
        const { op } = output;
        this.#input({ type: 'sendDave', op, ...(output.type === 'bytes' ? { bytes: output.bytes } : { d: output.d }) });
      },
      status: (status) => this.events.dave(status),
    });
    this.#input({ type: 'start', identity, dave: this.sealing ? DAVE_VERSION : 0 });
  }

  stop(): void {
    this.#stopped = true;
    removeEventListener('online', this.#nudge);
    clearTimeout(this.#mending);
    clearInterval(this.#measuring);
    this.#input({ type: 'stop' });
    clearTimeout(this.#timer);
    this.#pc?.close();
    this.#pc = null;
    this.sealing?.stop();
  }

  /** Tells the others whether the own voice is heard: 1 for the microphone, 0 for silence. */
  speak(how: number): void {
    this.#how = how;
    this.#input({ type: 'send', op: VoiceOp.speaking, d: { speaking: how, delay: 0, ssrc: this.#own.audio } });
  }

  /** Sends what there is to send now. */
  async replaceTracks(): Promise<void> {
    const { microphone, picture } = this.tracks();
    const [voice, sight] = this.#pc?.getTransceivers() ?? [];
    await voice?.sender.replaceTrack(microphone);
    await sight?.sender.replaceTrack(picture);
    this.#tellPicture();
  }

  /** Tells the others whether there is a picture. */
  #tellPicture(): void {
    const stream = this.#streams[0];
    const { picture } = this.tracks();
    if (!stream || (!picture && !this.#shows)) return;
    this.#shows = picture !== null;
    const { audio, video } = this.#own;
    const own = { ssrc: video.ssrc, rtx_ssrc: video.rtx };
    const layer = { ...stream, ...own, active: true, max_bitrate: 2_500_000, max_framerate: 30 };
    const d = picture
      ? { audio_ssrc: audio, video_ssrc: video.ssrc, rtx_ssrc: video.rtx, streams: [layer] }
      : { audio_ssrc: audio, video_ssrc: 0, rtx_ssrc: 0, streams: [] };
    this.#input({ type: 'send', op: VoiceOp.video, d });
  }

  // --- the socket ---

  #input(input: VoiceInput): void {
    const out: VoiceOutput[] = [];
    this.#core.handle(performance.now(), input, out);
    for (const output of out) this.#perform(output);
    clearTimeout(this.#timer);
    const at = this.#core.nextDeadline();
    if (at !== null) this.#timer = setTimeout(() => this.#input({ type: 'tick' }), Math.max(0, at - performance.now()));
  }

  #perform(output: VoiceOutput): void {
    switch (output.type) {
      case 'connect':
        this.#open();
        break;
      case 'send':
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(output.text);
        break;
      case 'sendBinary':
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(output.bytes);
        break;
      case 'close': {
        const socket = this.#socket;
        this.#socket = null;
        socket?.close(output.code);
        break;
      }
      case 'ready':
        this.#streams = output.streams;
        this.#meet();
        break;
      case 'described':
        this.#server = output.sdp;
        this.sealing?.tell({ type: 'described', version: output.dave, again: this.#described });
        this.#described = true;
        this.#later(() => this.#settle());
        break;
      case 'here':
        this.sealing?.tell({ type: 'came', users: output.users });
        break;
      case 'dave':
        this.sealing?.tell({ type: 'said', op: output.op, d: output.d });
        break;
      case 'daveBytes':
        this.sealing?.tell({ type: 'heard', op: output.op, bytes: output.bytes });
        break;
      case 'speaking':
        this.#want(output.user, { audio: output.ssrc });
        this.events.speaking(output.user, output.how);
        break;
      case 'video':
        this.#want(output.user, {
          audio: output.audioSsrc || undefined,
          video: output.ssrc ? { ssrc: output.ssrc, rtx: output.rtx } : undefined,
        });
        break;
      case 'gone':
        this.sealing?.tell({ type: 'went', user: output.user });
        this.#wanted.delete(output.user);
        this.events.speaking(output.user, 0);
        this.#later(() => this.#place());
        break;
      case 'cut':
        this.events.state('reconnecting');
        break;
      case 'resumed':
        // What was said while the socket was cut was not heard.
        this.speak(this.#how);
        if (this.#pc?.connectionState === 'connected') this.events.state('connected');
        break;
      case 'lost':
        this.events.lost(output.code);
        break;
    }
  }

  #open(): void {
    const here = `${location.origin.replace(/^http/, 'ws')}/voice?v=8&endpoint=${encodeURIComponent(this.endpoint)}`;
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.#direct ? `wss://${this.endpoint}/?v=8` : here);
    } catch {
      queueMicrotask(() => this.#input({ type: 'closed', code: 1006 }));
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const current = () => this.#socket === socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      if (current()) this.#input({ type: 'opened' });
    };
    socket.onmessage = (e: MessageEvent<string | ArrayBuffer>) => {
      if (!current()) return;
      if (typeof e.data === 'string') this.#input({ type: 'frame', text: e.data });
      else this.#input({ type: 'binary', bytes: new Uint8Array(e.data) });
    };
    socket.onclose = (e) => {
      if (!current()) return;
      this.#socket = null;
      // The server behind this page may be another node than the one with the call.
      if (!opened) this.#direct = !this.#direct;
      this.#input({ type: 'closed', code: e.code });
    };
  }

  // --- the peer connection ---

  /** One step after the other; what fails is made good by a new connection. */
  #later(step: () => Promise<void>): void {
    this.#chain = this.#chain.then(() => (this.#stopped ? undefined : step())).catch(() => this.#mend());
  }

  /** Makes a peer connection and offers it. */
  #meet(): void {
    this.#later(async () => {
      this.#pc?.close();
      for (const slot of this.#slots) if (slot.user && !slot.rests) this.events.gone(slot.user, slot.kind);
      this.#slots = [];
      this.#server = '';
      const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: [] });
      this.#pc = pc;
      pc.onconnectionstatechange = () => this.#pc === pc && this.#changed(pc.connectionState);
      const { microphone, picture } = this.tracks();
      const voice = pc.addTransceiver(microphone ?? 'audio', { direction: 'sendrecv' });
      const sight = pc.addTransceiver(picture ?? 'video', { direction: 'sendrecv' });
      this.sealing?.attach(voice.sender, 'audio', null);
      this.sealing?.attach(sight.sender, 'video', null);
      const sdp = await this.#offer(pc);
      this.#types = payloadTypes(sdp);
      if (!this.#types) throw new Error('this browser has no Opus');
      const data = fragment(sdp, this.#types);
      const d = { protocol: 'webrtc', data, sdp: data, codecs: codecs(this.#types) };
      this.#input({ type: 'send', op: VoiceOp.selectProtocol, d });
    });
  }

  async #offer(pc: RTCPeerConnection): Promise<string> {
    await pc.setLocalDescription();
    const sdp = pc.localDescription?.sdp ?? '';
    this.#own = ownSsrcs(sdp);
    return sdp;
  }

  /** The server has answered. */
  async #settle(): Promise<void> {
    const pc = this.#pc;
    if (!pc?.localDescription || !this.#types) return;
    if (pc.signalingState === 'have-local-offer') await this.#accept(pc);
    await this.#place();
  }

  async #accept(pc: RTCPeerConnection): Promise<void> {
    const sdp = answer(pc.localDescription?.sdp ?? '', this.#server, this.#types!, this.#slots);
    await pc.setRemoteDescription({ type: 'answer', sdp });
  }

  #want(user: string, streams: { audio?: number; video?: { ssrc: number; rtx: number } }): void {
    if (!user) return;
    this.#wanted.set(user, { ...this.#wanted.get(user), ...streams });
    this.#later(() => this.#place());
  }

  /** Has a section of the description for each stream that there is. Nothing of that is for the server. */
  async #place(): Promise<void> {
    const pc = this.#pc;
    if (!pc || !this.#server || !this.#types || pc.signalingState === 'closed') return;
    this.#restAndWake(pc);
    const freed = this.#slots.filter((s) => s.user !== null && !s.rests && this.#ssrcOf(s.user, s.kind) !== s.ssrc);
    freed.push(...this.#slots.filter((s) => s.rests && !this.#mayRest(s)));
    const missing: Omit<Slot, 'mid'>[] = [];
    for (const [user, { audio, video }] of this.#wanted) {
      if (audio && !this.#slots.some((s) => s.ssrc === audio))
        missing.push({ kind: 'audio', user, ssrc: audio, rtx: 0 });
      if (video && !this.#slots.some((s) => s.ssrc === video.ssrc))
        missing.push({ kind: 'video', user, ssrc: video.ssrc, rtx: video.rtx });
    }
    if (!freed.length && !missing.length) return;
    for (const slot of freed) {
      if (!slot.rests) this.events.gone(slot.user!, slot.kind);
      Object.assign(slot, { user: null, ssrc: 0, rests: false });
    }
    const begun: { slot: Slot; transceiver: RTCRtpTransceiver }[] = [];
    const fresh: { stream: Omit<Slot, 'mid'>; transceiver: RTCRtpTransceiver }[] = [];
    for (const stream of missing) {
      const kept = this.#slots.find((s) => s.user === null && s.kind === stream.kind);
      const transceiver = kept && pc.getTransceivers().find((t) => t.mid === kept.mid);
      if (kept && transceiver) begun.push({ slot: Object.assign(kept, stream), transceiver });
      else fresh.push({ stream, transceiver: pc.addTransceiver(stream.kind, { direction: 'recvonly' }) });
    }
    // A section may have been somebody else's before.
    for (const { slot, transceiver } of begun) this.sealing?.attach(transceiver.receiver, slot.kind, slot.user);
    for (const { stream, transceiver } of fresh) this.sealing?.attach(transceiver.receiver, stream.kind, stream.user);
    await this.#offer(pc);
    for (const { stream, transceiver } of fresh) {
      const slot = { ...stream, mid: transceiver.mid ?? '' };
      this.#slots.push(slot);
      begun.push({ slot, transceiver });
    }
    await this.#accept(pc);
    for (const { slot, transceiver } of begun)
      if (slot.user) this.events.track(slot.user, slot.kind, transceiver.receiver.track);
  }

  /**
   * Whoever stops to show something keeps the section, and goes on under the same SSRC: browsers do not draw a stream that is taken
   * out of the description and put there again.
   */
  #restAndWake(pc: RTCPeerConnection): void {
    for (const slot of this.#slots) {
      if (slot.user === null) continue;
      const ssrc = this.#ssrcOf(slot.user, slot.kind);
      if (!slot.rests && this.#mayRest(slot)) {
        slot.rests = true;
        this.events.gone(slot.user, slot.kind);
      } else if (slot.rests && ssrc === slot.ssrc) {
        slot.rests = false;
        const transceiver = pc.getTransceivers().find((t) => t.mid === slot.mid);
        if (transceiver) this.events.track(slot.user, slot.kind, transceiver.receiver.track);
      }
    }
  }

  /** Somebody who is still there, and has nothing of this kind to show. */
  #mayRest(slot: Slot): boolean {
    return slot.user !== null && this.#wanted.has(slot.user) && this.#ssrcOf(slot.user, slot.kind) === undefined;
  }

  #ssrcOf(user: string, kind: Slot['kind']): number | undefined {
    const streams = this.#wanted.get(user);
    return kind === 'audio' ? streams?.audio : streams?.video?.ssrc;
  }

  #changed(state: RTCPeerConnectionState): void {
    clearTimeout(this.#mending);
    if (state === 'connected') {
      this.#failures = 0;
      this.speak(this.#how);
      this.#tellPicture();
      if (this.#core.phase === 'ready') this.events.state('connected');
      this.#measure();
    } else if (state === 'failed') this.#mend();
    else if (state === 'disconnected') {
      this.events.state('reconnecting');
      this.#mending = setTimeout(() => this.#mend(), MEND_MS);
    }
  }

  /** The way of packets is broken: another is made, over the same session. */
  #mend(): void {
    clearTimeout(this.#mending);
    if (this.#stopped) return;
    this.#failures += 1;
    // Perhaps another server is reached, or none: that is for others to find out.
    if (this.#failures > FAILURES_MAX) return this.events.lost(CUT);
    this.events.state('reconnecting');
    this.#mending = setTimeout(() => this.#meet(), 500);
  }

  /**
   * Chromium has one receiver for what a transform gives back of a voice. Packets of somebody whose SSRC the page does not know yet may
   * take that place, and then the voice whose transform it is stays silent for good: only another connection helps.
   */
  #watch({ ssrc = 0, packetsReceived: packets = 0, jitterBufferEmittedCount: played = 0 }: Stat): void {
    const before = this.#played.get(ssrc);
    this.#played.set(ssrc, { packets, played });
    if (!this.sealing || !before?.played || played !== before.played) return;
    if (packets - before.packets < STUCK_PACKETS || this.#stuck >= STUCK_MAX) return;
    this.#stuck += 1;
    this.#played.clear();
    this.#mend();
  }

  #measure(): void {
    clearInterval(this.#measuring);
    const look = async () => {
      const pc = this.#pc;
      if (pc?.connectionState !== 'connected') return;
      (await pc.getStats()).forEach((s: Stat) => {
        if (s.type === 'inbound-rtp' && s.kind === 'audio') this.#watch(s);
        if (s.type === 'candidate-pair' && s.nominated && s.currentRoundTripTime !== undefined)
          this.events.latency(Math.round(s.currentRoundTripTime * 1000));
      });
    };
    this.#measuring = setInterval(() => void look(), MEASURE_MS);
    void look();
  }
}
