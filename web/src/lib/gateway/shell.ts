/** Feeds `GatewayCore` from a WebSocket and one timer, and performs what it asks for. */
import { Inflater } from './inflate';
import { takeSocket } from './early';
import { CLOSE_KEEP_SESSION, GatewayCore, type Input, type LinkStatus, type Output } from './core';

export interface GatewayEvents {
  dispatch(t: string, d: unknown): void;
  status(status: LinkStatus, resumed?: boolean): void;
  fatal(code: number): void;
}

export class Gateway {
  readonly #core = new GatewayCore(Math.random, '&compress=zlib-stream');
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nudge = () => this.#input({ type: 'nudge' });
  #visible = () => document.visibilityState === 'visible' && this.#nudge();

  constructor(private readonly events: GatewayEvents) {}

  start(url: string, identify: Record<string, unknown> & { token: string }): void {
    addEventListener('online', this.#nudge);
    document.addEventListener('visibilitychange', this.#visible);
    this.#input({ type: 'start', url, identify });
  }

  stop(): void {
    removeEventListener('online', this.#nudge);
    document.removeEventListener('visibilitychange', this.#visible);
    this.#input({ type: 'stop' });
  }

  send(op: number, d: unknown): void {
    this.#input({ type: 'command', op, d });
  }

  /** Connects at once instead of waiting out the pause between attempts. */
  retryNow(): void {
    this.#nudge();
  }

  #input(input: Input): void {
    const out: Output[] = [];
    this.#core.handle(performance.now(), input, out);
    for (const output of out) this.#perform(output);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const at = this.#core.nextDeadline();
    if (at !== null) this.#timer = setTimeout(() => this.#input({ type: 'tick' }), Math.max(0, at - performance.now()));
  }

  #perform(output: Output): void {
    switch (output.type) {
      case 'connect':
        this.#open(output.url);
        break;
      case 'send':
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(output.text);
        break;
      case 'close':
        this.#drop(output.code);
        break;
      case 'dispatch':
        this.events.dispatch(output.t, output.d);
        break;
      case 'status':
        this.events.status(output.status, output.resumed);
        break;
      case 'fatal':
        this.events.fatal(output.code);
        break;
    }
  }

  #open(url: string): void {
    this.#drop(CLOSE_KEEP_SESSION);
    let socket: WebSocket;
    const early = takeSocket(url);
    try {
      socket = early?.socket ?? new WebSocket(url);
    } catch {
      queueMicrotask(() => this.#input({ type: 'closed', code: 1006 }));
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const inflater = new Inflater();
    // A socket that was replaced no longer speaks for the connection.
    const current = () => this.#socket === socket;
    const opened = () => current() && this.#input({ type: 'opened' });
    const received = (e: MessageEvent) => {
      if (!current()) return;
      let text: string | null;
      try {
        text = typeof e.data === 'string' ? e.data : inflater.push(new Uint8Array(e.data as ArrayBuffer));
      } catch {
        // The stream is broken: what follows cannot be read. The session is resumed over another.
        this.#drop(CLOSE_KEEP_SESSION);
        this.#input({ type: 'closed', code: 1006 });
        return;
      }
      if (text !== null) this.#input({ type: 'frame', text });
    };
    socket.onopen = opened;
    socket.onmessage = received;
    socket.onclose = (e) => {
      if (!current()) return;
      this.#socket = null;
      this.#input({ type: 'closed', code: e.code });
    };
    if (early && socket.readyState === WebSocket.OPEN) opened();
    for (const frame of early?.frames ?? []) received(frame);
  }

  #drop(code: number): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }
}
