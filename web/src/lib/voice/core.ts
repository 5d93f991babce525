/**
 * The voice gateway without I/O: input and the time go in, outputs come out. Version 8 of the protocol (Discord developer docs, "Voice
 * Connections"; userdoccers for how browsers choose WebRTC).
 *
 * A socket that is cut is opened again and the session resumed, while sound goes on over the peer connection. When the server does not
 * know the session any more, it is `lost`, and whoever uses this asks the gateway for a new one.
 */
import { DaveOp } from './dave/core';

export const VoiceOp = {
  identify: 0,
  selectProtocol: 1,
  ready: 2,
  heartbeat: 3,
  sessionDescription: 4,
  speaking: 5,
  heartbeatAck: 6,
  resume: 7,
  hello: 8,
  resumed: 9,
  clientsConnect: 11,
  video: 12,
  clientDisconnect: 13,
  mediaSinkWants: 15,
} as const;

/** Close codes after which there is no use in resuming: moved or thrown out, unknown, or turned away. */
const LOST: ReadonlySet<number> = new Set([4004, 4006, 4009, 4011, 4012, 4014, 4017, 4021, 4022]);
const CONNECT_TIMEOUT_MS = 8_000;
/** A heartbeat not answered within this means a dead socket. */
const ACK_TIMEOUT_MS = 10_000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 8_000;
/** Tries to resume, about as many as there is time for before the server forgets the session. */
const RESUMES_MAX = 8;
/** Messages about encryption that wait for a cut socket to come back; the server begins the group anew when more are missing. */
const HELD_MAX = 32;
/** Before its opcode a binary message of the server has its number. */
const NUMBER_BYTES = 2;

export interface VoiceIdentity {
  server_id: string;
  user_id: string;
  session_id: string;
  token: string;
}

/** A stream of video that READY has given SSRCs. */
export interface StreamSlot {
  type: string;
  rid: string;
  ssrc: number;
  rtx_ssrc: number;
  quality: number;
}

export type VoiceInput =
  /** `dave`: the newest version of encryption from end to end that is spoken, 0 for none. */
  | { type: 'start'; identity: VoiceIdentity; dave: number }
  | { type: 'opened' }
  | { type: 'frame'; text: string }
  | { type: 'binary'; bytes: Uint8Array }
  | { type: 'closed'; code: number }
  | { type: 'send'; op: number; d: unknown }
  /** About encryption: kept over a cut. */
  | { type: 'sendDave'; op: number; d?: unknown; bytes?: Uint8Array }
  | { type: 'nudge' }
  | { type: 'stop' }
  | { type: 'tick' };

export type VoiceOutput =
  | { type: 'connect' }
  | { type: 'send'; text: string }
  | { type: 'sendBinary'; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'close'; code: number }
  | { type: 'ready'; ssrc: number; streams: StreamSlot[] }
  | { type: 'described'; sdp: string; dave: number }
  | { type: 'dave'; op: number; d: Record<string, unknown> }
  | { type: 'daveBytes'; op: number; bytes: Uint8Array }
  | { type: 'here'; users: string[] }
  | { type: 'speaking'; user: string; ssrc: number; how: number }
  | { type: 'video'; user: string; audioSsrc: number; ssrc: number; rtx: number }
  | { type: 'gone'; user: string }
  | { type: 'cut' }
  | { type: 'resumed' }
  | { type: 'lost'; code: number };

type Phase = 'idle' | 'connecting' | 'hello' | 'identifying' | 'resuming' | 'ready' | 'waiting';

interface Frame {
  op: number;
  d?: Record<string, unknown> | null;
  seq?: number;
}

const text = (value: unknown) => (typeof value === 'string' ? value : '');
const number = (value: unknown) => (typeof value === 'number' ? value : 0);

export class VoiceCore {
  #phase: Phase = 'idle';
  #identity: VoiceIdentity | null = null;
  #dave = 0;
  #held: VoiceOutput[] = [];
  #established = false;
  #seq = -1;
  #attempts = 0;
  #beatEveryMs = 0;
  #beatAt: number | null = null;
  #ackBy: number | null = null;
  #deadline: number | null = null;

  constructor(private readonly random: () => number = Math.random) {}

  get phase(): Phase {
    return this.#phase;
  }

  /** When `tick` must be handled at the latest, in the clock of `now`; null for never. */
  nextDeadline(): number | null {
    const all = [this.#beatAt, this.#ackBy, this.#deadline].filter((at) => at !== null);
    return all.length ? Math.min(...all) : null;
  }

  handle(now: number, input: VoiceInput, out: VoiceOutput[]): void {
    switch (input.type) {
      case 'start':
        this.#identity = input.identity;
        this.#dave = input.dave;
        this.#held = [];
        this.#established = false;
        this.#seq = -1;
        this.#attempts = 0;
        this.#connect(now, out);
        break;
      case 'opened':
        if (this.#phase === 'connecting') this.#enter('hello', now + CONNECT_TIMEOUT_MS);
        break;
      case 'frame':
        if (this.#phase !== 'idle' && this.#phase !== 'waiting') this.#frame(now, input.text, out);
        break;
      case 'binary':
        if (this.#phase !== 'idle' && this.#phase !== 'waiting') this.#binary(input.bytes, out);
        break;
      case 'closed':
        if (this.#phase !== 'idle' && this.#phase !== 'waiting') this.#closed(now, input.code, out);
        break;
      case 'send':
        if (this.#phase === 'ready') this.#send(input.op, input.d, out);
        break;
      case 'sendDave':
        this.#sendDave(input, out);
        break;
      case 'nudge':
        if (this.#phase === 'waiting') this.#connect(now, out);
        else if (this.#phase === 'ready' && this.#ackBy === null) this.#beat(now, out);
        break;
      case 'stop':
        if (this.#phase !== 'idle' && this.#phase !== 'waiting') out.push({ type: 'close', code: 1000 });
        this.#rest('idle', null);
        break;
      case 'tick':
        this.#tick(now, out);
        break;
    }
  }

  #enter(phase: Phase, deadline: number | null): void {
    this.#phase = phase;
    this.#deadline = deadline;
  }

  #rest(phase: 'idle' | 'waiting', deadline: number | null): void {
    this.#enter(phase, deadline);
    this.#beatAt = null;
    this.#ackBy = null;
  }

  #connect(now: number, out: VoiceOutput[]): void {
    this.#rest('waiting', null);
    this.#enter('connecting', now + CONNECT_TIMEOUT_MS);
    out.push({ type: 'connect' });
  }

  #send(op: number, d: unknown, out: VoiceOutput[]): void {
    out.push({ type: 'send', text: JSON.stringify({ op, d }) });
  }

  #sendDave({ op, d, bytes }: { op: number; d?: unknown; bytes?: Uint8Array }, out: VoiceOutput[]): void {
    const to = this.#phase === 'ready' ? out : this.#held;
    if (this.#held.length >= HELD_MAX) this.#held.shift();
    if (bytes) {
      const message = new Uint8Array(bytes.length + 1);
      message[0] = op;
      message.set(bytes, 1);
      to.push({ type: 'sendBinary', bytes: message });
    } else this.#send(op, d, to);
  }

  #beat(now: number, out: VoiceOutput[]): void {
    this.#beatAt = now + this.#beatEveryMs;
    this.#ackBy = now + ACK_TIMEOUT_MS;
    this.#send(VoiceOp.heartbeat, { t: Math.round(now), seq_ack: this.#seq }, out);
  }

  #tick(now: number, out: VoiceOutput[]): void {
    if (this.#ackBy !== null && now >= this.#ackBy) {
      out.push({ type: 'close', code: 4000 });
      this.#closed(now, 1006, out);
      return;
    }
    if (this.#deadline !== null && now >= this.#deadline) {
      if (this.#phase === 'waiting') this.#connect(now, out);
      else {
        out.push({ type: 'close', code: 4000 });
        this.#closed(now, 1006, out);
      }
      return;
    }
    if (this.#beatAt !== null && now >= this.#beatAt) this.#beat(now, out);
  }

  #closed(now: number, code: number, out: VoiceOutput[]): void {
    if (LOST.has(code) || this.#attempts >= RESUMES_MAX) {
      this.#rest('idle', null);
      out.push({ type: 'lost', code });
      return;
    }
    if (this.#phase === 'ready') out.push({ type: 'cut' });
    const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** this.#attempts) * (0.5 + this.random() / 2);
    // The first try is made at once.
    this.#rest('waiting', now + (this.#attempts ? pause : 0));
    this.#attempts += 1;
  }

  #binary(bytes: Uint8Array, out: VoiceOutput[]): void {
    if (bytes.length <= NUMBER_BYTES) return;
    this.#seq = (bytes[0]! << 8) | bytes[1]!;
    out.push({ type: 'daveBytes', op: bytes[NUMBER_BYTES]!, bytes: bytes.subarray(NUMBER_BYTES + 1) });
  }

  #frame(now: number, raw: string, out: VoiceOutput[]): void {
    let frame: Frame;
    try {
      frame = JSON.parse(raw) as Frame;
    } catch {
      return;
    }
    if (typeof frame.seq === 'number') this.#seq = frame.seq;
    const d = frame.d ?? {};
    switch (frame.op) {
      case VoiceOp.hello:
        this.#greet(now, number(d.heartbeat_interval), out);
        break;
      case VoiceOp.ready: {
        this.#established = true;
        this.#attempts = 0;
        this.#enter('ready', null);
        const streams = Array.isArray(d.streams) ? (d.streams as StreamSlot[]) : [];
        out.push({ type: 'ready', ssrc: number(d.ssrc), streams });
        break;
      }
      case VoiceOp.resumed:
        this.#attempts = 0;
        this.#enter('ready', null);
        out.push({ type: 'resumed' }, ...this.#held.splice(0));
        break;
      case VoiceOp.sessionDescription:
        if (text(d.sdp)) out.push({ type: 'described', sdp: text(d.sdp), dave: number(d.dave_protocol_version) });
        break;
      case VoiceOp.clientsConnect:
        out.push({ type: 'here', users: Array.isArray(d.user_ids) ? d.user_ids.map(text).filter(Boolean) : [] });
        break;
      case DaveOp.prepareTransition:
      case DaveOp.executeTransition:
      case DaveOp.prepareEpoch:
        out.push({ type: 'dave', op: frame.op, d });
        break;
      case VoiceOp.heartbeatAck:
        this.#ackBy = null;
        break;
      case VoiceOp.speaking:
        if (text(d.user_id))
          out.push({ type: 'speaking', user: text(d.user_id), ssrc: number(d.ssrc), how: number(d.speaking) });
        break;
      case VoiceOp.video: {
        const ssrc = number(d.video_ssrc);
        const streams = Array.isArray(d.streams) ? (d.streams as Partial<StreamSlot>[]) : [];
        const rtx = streams.find((s) => s.ssrc === ssrc)?.rtx_ssrc ?? (ssrc ? ssrc + 1 : 0);
        out.push({ type: 'video', user: text(d.user_id), audioSsrc: number(d.audio_ssrc), ssrc, rtx });
        break;
      }
      case VoiceOp.clientDisconnect:
        out.push({ type: 'gone', user: text(d.user_id) });
        break;
    }
  }

  #greet(now: number, intervalMs: number, out: VoiceOutput[]): void {
    const identity = this.#identity;
    if (this.#phase !== 'hello' || !identity) return;
    this.#beatEveryMs = Math.max(1_000, intervalMs);
    // The first soon, so that not all beat at once.
    this.#beatAt = now + this.#beatEveryMs * this.random();
    if (this.#established) {
      this.#enter('resuming', now + CONNECT_TIMEOUT_MS);
      const { server_id, session_id, token } = identity;
      this.#send(VoiceOp.resume, { server_id, session_id, token, seq_ack: this.#seq }, out);
    } else {
      this.#enter('identifying', now + CONNECT_TIMEOUT_MS);
      const streams = [{ type: 'video', rid: '100', quality: 100 }];
      const dave = { max_dave_protocol_version: this.#dave };
      this.#send(VoiceOp.identify, { ...identity, video: true, streams, ...dave }, out);
    }
  }
}
