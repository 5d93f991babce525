/** The page's side of encryption from end to end: starts the thread that does it, and has streams go through that. */
import type { DaveOutput, DaveStatus, Kind } from './core';
import type { FromWorker, ToWorker, TransformOptions } from './messages';

/** davey is a megabyte. */
const LOAD_MS = 15_000;

/** Encoded transforms (W3C, "WebRTC Encoded Transform"), which TypeScript does not know yet. */
type Transformed = { transform: unknown };
type ScriptTransform = new (worker: Worker, options: TransformOptions) => object;
const scriptTransform = () => (globalThis as { RTCRtpScriptTransform?: ScriptTransform }).RTCRtpScriptTransform ?? null;

export interface SealingEvents {
  send(output: DaveOutput): void;
  status(status: DaveStatus): void;
}

export class Sealing {
  #events: SealingEvents | null = null;
  readonly #codes = new Map<string, ((code: string) => void)[]>();

  private constructor(
    private readonly worker: Worker,
    private readonly Transform: ScriptTransform,
  ) {}

  /** Null where a browser has not what it takes, or the way to it is cut. */
  static async load(): Promise<Sealing | null> {
    const Transform = scriptTransform();
    if (!Transform) return null;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'dave' });
    const sealing = new Sealing(worker, Transform);
    const isThere = await new Promise<boolean>((resolve) => {
      setTimeout(resolve, LOAD_MS, false);
      worker.onerror = () => resolve(false);
      worker.onmessage = (e: MessageEvent<FromWorker>) => resolve(e.data.type === 'loaded');
    });
    if (!isThere) {
      worker.terminate();
      return null;
    }
    worker.onmessage = (e: MessageEvent<FromWorker>) => sealing.#heard(e.data);
    return sealing;
  }

  begin(user: string, channel: string, events: SealingEvents): void {
    this.#events = events;
    this.tell({ type: 'begin', user, channel });
  }

  stop(): void {
    this.#events = null;
    this.worker.terminate();
    for (const waiting of this.#codes.values()) for (const answer of waiting) answer('');
    this.#codes.clear();
  }

  tell(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** Has what is sent sealed, or what somebody sends opened. */
  attach(end: RTCRtpSender | RTCRtpReceiver, kind: Kind, user: string | null): void {
    (end as unknown as Transformed).transform = new this.Transform(this.worker, { kind, user });
  }

  /** The digits to compare with somebody; empty when there are none. */
  codeWith(user: string): Promise<string> {
    return new Promise((resolve) => {
      this.#codes.set(user, [...(this.#codes.get(user) ?? []), resolve]);
      this.tell({ type: 'code', user });
    });
  }

  #heard(message: FromWorker): void {
    if (message.type === 'status') this.#events?.status(message.status);
    else if (message.type === 'bytes' || message.type === 'json') this.#events?.send(message);
    else if (message.type === 'code') {
      for (const answer of this.#codes.get(message.user) ?? []) answer(message.code);
      this.#codes.delete(message.user);
    }
  }
}
