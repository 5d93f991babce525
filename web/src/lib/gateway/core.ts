/**
 * The gateway protocol without I/O: input and the time go in, outputs come out.
 *
 * Invariants: a dispatch is passed on once and in order of its sequence; after a lost socket the session is
 * resumed, and only when the server says it cannot (op 9) or never began one is a new session made.
 * Opcodes and close codes: Discord developer docs, "Opcodes and Status Codes".
 */

import { FATAL_CLOSES, Op, SESSION_LOST_CLOSES } from './table';

/** Our own close code; unlike 1000 it keeps the session alive for RESUME. */
export const CLOSE_KEEP_SESSION = 4000;

const CONNECT_TIMEOUT_MS = 10_000;
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** A heartbeat not answered within this means a dead socket. */
const ACK_TIMEOUT_MS = 15_000;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;
/** Commands kept while there is no session; the oldest go first when full. */
const PENDING_MAX = 64;

export type LinkStatus = 'idle' | 'connecting' | 'online' | 'reconnecting' | 'stopped';

export type Input =
  | { type: 'start'; url: string; identify: Record<string, unknown> & { token: string } }
  | { type: 'stop' }
  | { type: 'opened' }
  | { type: 'frame'; text: string }
  | { type: 'closed'; code: number }
  | { type: 'command'; op: number; d: unknown }
  /** The network came back or the page woke up: do not wait out a backoff. */
  | { type: 'nudge' }
  | { type: 'tick' };

export type Output =
  | { type: 'connect'; url: string }
  | { type: 'send'; text: string }
  | { type: 'close'; code: number }
  | { type: 'dispatch'; t: string; d: unknown }
  | { type: 'status'; status: LinkStatus; resumed?: boolean }
  | { type: 'fatal'; code: number };

type Phase = 'idle' | 'connecting' | 'hello' | 'identifying' | 'resuming' | 'ready' | 'waiting';

interface Session {
  id: string;
  url: string | null;
}

export class GatewayCore {
  #phase: Phase = 'idle';
  #url = '';
  #identify: (Record<string, unknown> & { token: string }) | null = null;
  #session: Session | null = null;
  #seq: number | null = null;
  #attempts = 0;
  #heartbeatEveryMs = 0;
  #heartbeatAt: number | null = null;
  #acked = true;
  #ackBy: number | null = null;
  #phaseDeadline: number | null = null;
  #pending: string[] = [];
  #status: LinkStatus = 'idle';

  /** `random` gives numbers in [0, 1) for jitter; `query` is added to the address, such as a way to compress. */
  constructor(
    private readonly random: () => number = Math.random,
    private readonly query = '',
  ) {}

  get phase(): Phase {
    return this.#phase;
  }

  get sequence(): number | null {
    return this.#seq;
  }

  get sessionId(): string | null {
    return this.#session?.id ?? null;
  }

  /** When `tick` must be handled at the latest, in the clock of `now`; null for never. */
  nextDeadline(): number | null {
    const deadlines = [this.#heartbeatAt, this.#phaseDeadline, this.#ackBy].filter((at) => at !== null);
    return deadlines.length ? Math.min(...deadlines) : null;
  }

  handle(now: number, input: Input, out: Output[]): void {
    switch (input.type) {
      case 'start':
        this.#url = input.url;
        this.#identify = input.identify;
        this.#session = null;
        this.#seq = null;
        this.#attempts = 0;
        this.#connect(now, out);
        break;
      case 'stop':
        this.#stop(out);
        break;
      case 'opened':
        if (this.#phase === 'connecting') this.#enter('hello', now + HANDSHAKE_TIMEOUT_MS);
        break;
      case 'frame':
        if (this.#phase !== 'idle' && this.#phase !== 'waiting') this.#frame(now, input.text, out);
        break;
      case 'closed':
        if (this.#phase !== 'idle' && this.#phase !== 'waiting') this.#closed(now, input.code, out);
        break;
      case 'command':
        this.#command(input.op, input.d, out);
        break;
      case 'nudge':
        if (this.#phase === 'waiting') this.#connect(now, out);
        else if (this.#phase === 'ready' && this.#acked) this.#beat(now, out);
        break;
      case 'tick':
        this.#tick(now, out);
        break;
    }
  }

  #enter(phase: Phase, deadline: number | null): void {
    this.#phase = phase;
    this.#phaseDeadline = deadline;
  }

  #stopHeartbeat(): void {
    this.#heartbeatAt = null;
    this.#ackBy = null;
  }

  #setStatus(status: LinkStatus, out: Output[], resumed?: boolean): void {
    if (this.#status === status && resumed === undefined) return;
    this.#status = status;
    out.push(resumed === undefined ? { type: 'status', status } : { type: 'status', status, resumed });
  }

  #connect(now: number, out: Output[]): void {
    this.#enter('connecting', now + CONNECT_TIMEOUT_MS);
    this.#stopHeartbeat();
    this.#acked = true;
    if (this.#status !== 'reconnecting') this.#setStatus('connecting', out);
    const base = (this.#session?.url ?? this.#url).replace(/\/+$/, '');
    out.push({ type: 'connect', url: `${base}/?v=10&encoding=json${this.query}` });
  }

  #stop(out: Output[]): void {
    if (this.#phase !== 'idle' && this.#phase !== 'waiting') out.push({ type: 'close', code: 1000 });
    this.#enter('idle', null);
    this.#stopHeartbeat();
    this.#session = null;
    this.#seq = null;
    this.#pending = [];
    this.#setStatus('stopped', out);
  }

  #send(op: number, d: unknown, out: Output[]): void {
    out.push({ type: 'send', text: JSON.stringify({ op, d }) });
  }

  #command(op: number, d: unknown, out: Output[]): void {
    const text = JSON.stringify({ op, d });
    if (this.#phase === 'ready') {
      out.push({ type: 'send', text });
      return;
    }
    if (this.#pending.length >= PENDING_MAX) this.#pending.shift();
    this.#pending.push(text);
  }

  #beat(now: number, out: Output[]): void {
    this.#acked = false;
    this.#ackBy ??= now + ACK_TIMEOUT_MS;
    this.#heartbeatAt = now + this.#heartbeatEveryMs;
    this.#send(Op.heartbeat, this.#seq, out);
  }

  #frame(now: number, text: string, out: Output[]): void {
    let frame: { op?: number; d?: unknown; s?: number | null; t?: string | null };
    try {
      frame = JSON.parse(text);
    } catch {
      this.#abandon(now, out, 0);
      return;
    }
    switch (frame.op) {
      case Op.hello:
        this.#hello(now, frame.d as { heartbeat_interval?: number }, out);
        break;
      case Op.dispatch:
        this.#dispatch(frame.t ?? '', frame.s ?? null, frame.d, out);
        break;
      case Op.heartbeat:
        this.#beat(now, out);
        break;
      case Op.heartbeatAck:
        this.#acked = true;
        this.#ackBy = null;
        break;
      case Op.reconnect:
        this.#abandon(now, out, 0);
        break;
      case Op.invalidSession:
        if (frame.d !== true) this.#forgetSession();
        this.#abandon(now, out, 1000 + this.random() * 4000);
        break;
    }
  }

  #forgetSession(): void {
    this.#session = null;
    this.#seq = null;
  }

  #hello(now: number, d: { heartbeat_interval?: number } | null, out: Output[]): void {
    this.#heartbeatEveryMs = Math.max(1000, d?.heartbeat_interval ?? 45_000);
    this.#heartbeatAt = now + this.#heartbeatEveryMs * this.random();
    if (this.#session && this.#seq !== null) {
      this.#enter('resuming', now + HANDSHAKE_TIMEOUT_MS);
      this.#send(Op.resume, { token: this.#identify?.token, session_id: this.#session.id, seq: this.#seq }, out);
    } else {
      this.#enter('identifying', now + HANDSHAKE_TIMEOUT_MS);
      this.#send(Op.identify, this.#identify, out);
    }
  }

  #dispatch(t: string, s: number | null, d: unknown, out: Output[]): void {
    if (s !== null) {
      // A replay may overlap what was already seen: an event is passed on once.
      if (this.#seq !== null && s <= this.#seq) return;
      this.#seq = s;
    }
    if (t === 'READY') {
      const ready = d as { session_id: string; resume_gateway_url?: string };
      this.#session = { id: ready.session_id, url: ready.resume_gateway_url || null };
      out.push({ type: 'dispatch', t, d });
      this.#established(out, false);
      return;
    }
    if (t === 'RESUMED') {
      this.#established(out, true);
      return;
    }
    out.push({ type: 'dispatch', t, d });
  }

  #established(out: Output[], resumed: boolean): void {
    this.#enter('ready', null);
    this.#attempts = 0;
    this.#setStatus('online', out, resumed);
    for (const text of this.#pending.splice(0)) out.push({ type: 'send', text });
  }

  /** Gives up the socket but keeps the session, and connects again after `delayMs`. */
  #abandon(now: number, out: Output[], delayMs: number): void {
    out.push({ type: 'close', code: CLOSE_KEEP_SESSION });
    this.#wait(now, out, delayMs);
  }

  #closed(now: number, code: number, out: Output[]): void {
    if (FATAL_CLOSES.has(code)) {
      this.#enter('idle', null);
      this.#stopHeartbeat();
      this.#forgetSession();
      this.#setStatus('stopped', out);
      out.push({ type: 'fatal', code });
      return;
    }
    if (SESSION_LOST_CLOSES.has(code)) this.#forgetSession();
    // A resume address that does not answer is not insisted on.
    if (this.#phase === 'connecting' && this.#session && this.#attempts >= 2) this.#session.url = null;
    this.#wait(now, out, this.#backoff());
  }

  #backoff(): number {
    if (this.#attempts === 0) return this.random() * 250;
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** (this.#attempts - 1));
    return ceiling * (0.5 + this.random() / 2);
  }

  #wait(now: number, out: Output[], delayMs: number): void {
    this.#attempts += 1;
    this.#stopHeartbeat();
    this.#enter('waiting', now + delayMs);
    this.#setStatus('reconnecting', out);
  }

  #tick(now: number, out: Output[]): void {
    if (this.#ackBy !== null && now >= this.#ackBy) {
      this.#abandon(now, out, 0);
      return;
    }
    if (this.#heartbeatAt !== null && now >= this.#heartbeatAt) this.#beat(now, out);
    if (this.#phaseDeadline === null || now < this.#phaseDeadline) return;
    if (this.#phase === 'waiting') {
      this.#connect(now, out);
    } else if (this.#phase !== 'ready' && this.#phase !== 'idle') {
      this.#abandon(now, out, this.#backoff());
    }
  }
}
