import { beforeEach, describe, expect, it } from 'vitest';
import { constants, createDeflate } from 'node:zlib';
import { GatewayCore, type Input, type Output } from '../src/lib/gateway/core';
import { Inflater } from '../src/lib/gateway/inflate';

/** Drives the core with a made-up clock and no jitter. */
class Harness {
  core = new GatewayCore(() => 0.5);
  now = 0;

  input(input: Input): Output[] {
    const out: Output[] = [];
    this.core.handle(this.now, input, out);
    return out;
  }

  frame(frame: object): Output[] {
    return this.input({ type: 'frame', text: JSON.stringify(frame) });
  }

  /** Lets the time pass until the next deadline and handles it. */
  elapse(): Output[] {
    this.now = this.core.nextDeadline()!;
    return this.input({ type: 'tick' });
  }

  start(): Output[] {
    return this.input({ type: 'start', url: 'ws://gw', identify: { token: 'T', capabilities: 1 } });
  }

  hello(interval = 40_000): Output[] {
    this.input({ type: 'opened' });
    return this.frame({ op: 10, d: { heartbeat_interval: interval } });
  }

  ready(): Output[] {
    return this.frame({ op: 0, t: 'READY', s: 1, d: { session_id: 'S', resume_gateway_url: 'ws://resume' } });
  }

  online(): void {
    this.start();
    this.hello();
    this.ready();
  }
}

const sent = (out: Output[]) => out.flatMap((o) => (o.type === 'send' ? [JSON.parse(o.text)] : []));
const of = <T extends Output['type']>(out: Output[], type: T) =>
  out.filter((o): o is Extract<Output, { type: T }> => o.type === type);

let h: Harness;
beforeEach(() => {
  h = new Harness();
});

describe('a compressed connection', () => {
  /** Compresses payloads as one stream, each ended by a flush. */
  async function stream(payloads: string[]): Promise<Uint8Array[]> {
    const deflate = createDeflate();
    const frames: Uint8Array[] = [];
    for (const payload of payloads) {
      const parts: Buffer[] = [];
      const take = (part: Buffer) => void parts.push(part);
      deflate.on('data', take);
      deflate.write(payload);
      await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
      deflate.off('data', take);
      frames.push(new Uint8Array(Buffer.concat(parts)));
    }
    return frames;
  }
  const payloads = [
    '{"op":10}',
    JSON.stringify({ long: 'Ä quaver '.repeat(40_000) }),
    '{"t":"🎻"}',
    JSON.stringify(Array.from({ length: 2000 }, (_, i) => Math.sin(i))),
  ];

  it('gives its payloads, frame by frame', async () => {
    const inflater = new Inflater();
    expect((await stream(payloads)).map((frame) => inflater.push(frame))).toEqual(payloads);
  });
  it('waits for the rest of a payload that comes in pieces', async () => {
    const inflater = new Inflater();
    const [hello, long] = await stream(payloads.slice(0, 2));
    expect(inflater.push(hello!)).toBe(payloads[0]);
    const cut = long!.length >> 1;
    expect(inflater.push(long!.slice(0, cut))).toBeNull();
    expect(inflater.push(long!.slice(cut))).toBe(payloads[1]);
  });
  it('says so when it is none', () => expect(() => new Inflater().push(new Uint8Array([1, 2, 3, 4, 5, 6]))).toThrow());
  it('is asked for in the address', () => {
    const out: Output[] = [];
    new GatewayCore(() => 0.5, '&compress=zlib-stream').handle(
      0,
      { type: 'start', url: 'ws://gw/', identify: { token: 'T' } },
      out,
    );
    expect(of(out, 'connect')[0]?.url).toBe('ws://gw/?v=10&encoding=json&compress=zlib-stream');
  });
});

describe('connecting', () => {
  it('identifies after hello and goes online with READY', () => {
    expect(of(h.start(), 'connect')[0]?.url).toBe('ws://gw/?v=10&encoding=json');
    expect(sent(h.hello())).toEqual([{ op: 2, d: { token: 'T', capabilities: 1 } }]);
    const out = h.ready();
    expect(of(out, 'dispatch')[0]?.t).toBe('READY');
    expect(of(out, 'status')).toEqual([{ type: 'status', status: 'online', resumed: false }]);
  });

  it('gives up on a server that never says hello', () => {
    h.start();
    h.input({ type: 'opened' });
    const out = h.elapse();
    expect(of(out, 'close')[0]?.code).toBe(4000);
    expect(h.core.phase).toBe('waiting');
  });

  it('waits longer after each failure, up to a limit', () => {
    h.start();
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      h.input({ type: 'closed', code: 1006 });
      waits.push(h.core.nextDeadline()! - h.now);
      h.elapse();
    }
    expect(waits.slice(0, 4)).toEqual([125, 750, 1500, 3000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
  });

  it('does not wait when the network comes back', () => {
    h.start();
    h.input({ type: 'closed', code: 1006 });
    h.elapse();
    h.input({ type: 'closed', code: 1006 });
    expect(of(h.input({ type: 'nudge' }), 'connect')).toHaveLength(1);
  });
});

describe('heartbeats', () => {
  it('beats first after a part of the interval, then after all of it, with the last sequence', () => {
    h.online();
    expect(h.core.nextDeadline()).toBe(20_000);
    expect(sent(h.elapse())).toEqual([{ op: 1, d: 1 }]);
    h.frame({ op: 11 });
    expect(h.core.nextDeadline()).toBe(60_000);
  });

  it('answers when the server asks for a heartbeat', () => {
    h.online();
    expect(sent(h.frame({ op: 1, d: null }))).toEqual([{ op: 1, d: 1 }]);
  });

  it('takes a socket without answers for dead and resumes', () => {
    h.online();
    h.elapse();
    const out = h.elapse();
    expect(of(out, 'close')[0]?.code).toBe(4000);
    h.elapse();
    expect(sent(h.hello())[0]?.op).toBe(6);
  });
});

describe('resuming', () => {
  it('resumes at the resume address with the last sequence after the socket is lost', () => {
    h.online();
    h.frame({ op: 0, t: 'MESSAGE_CREATE', s: 2, d: {} });
    const lost = h.input({ type: 'closed', code: 1006 });
    expect(of(lost, 'status')).toEqual([{ type: 'status', status: 'reconnecting' }]);
    expect(of(h.elapse(), 'connect')[0]?.url).toBe('ws://resume/?v=10&encoding=json');
    expect(sent(h.hello())).toEqual([{ op: 6, d: { token: 'T', session_id: 'S', seq: 2 } }]);
  });

  it('passes a replayed event on once, and says that it resumed', () => {
    h.online();
    h.frame({ op: 0, t: 'A', s: 2, d: {} });
    h.input({ type: 'closed', code: 1006 });
    h.elapse();
    h.hello();
    expect(of(h.frame({ op: 0, t: 'A', s: 2, d: {} }), 'dispatch')).toEqual([]);
    expect(of(h.frame({ op: 0, t: 'B', s: 3, d: {} }), 'dispatch')).toHaveLength(1);
    const out = h.frame({ op: 0, t: 'RESUMED', s: 4, d: {} });
    expect(of(out, 'status')).toEqual([{ type: 'status', status: 'online', resumed: true }]);
    expect(h.core.sequence).toBe(4);
  });

  it('reconnects and resumes at once when told to', () => {
    h.online();
    const out = h.frame({ op: 7, d: null });
    expect(of(out, 'close')[0]?.code).toBe(4000);
    expect(h.core.nextDeadline()).toBe(h.now);
    h.elapse();
    expect(sent(h.hello())[0]?.op).toBe(6);
  });

  it('identifies anew when the session cannot be resumed', () => {
    h.online();
    h.input({ type: 'closed', code: 1006 });
    h.elapse();
    h.hello();
    h.frame({ op: 9, d: false });
    expect(h.core.nextDeadline()! - h.now).toBe(3000);
    h.elapse();
    expect(sent(h.hello())[0]?.op).toBe(2);
    // The new session counts from one again.
    expect(of(h.ready(), 'dispatch')).toHaveLength(1);
  });

  it('keeps the session when the server says it can still be resumed', () => {
    h.online();
    h.frame({ op: 9, d: true });
    h.elapse();
    expect(sent(h.hello())[0]?.op).toBe(6);
  });

  it('identifies anew after an invalid sequence', () => {
    h.online();
    h.input({ type: 'closed', code: 4007 });
    h.elapse();
    expect(sent(h.hello())[0]?.op).toBe(2);
  });
});

describe('commands', () => {
  it('holds commands back until there is a session, and bounds them', () => {
    h.start();
    for (let i = 0; i < 70; i++) h.input({ type: 'command', op: 3, d: i });
    h.hello();
    const held = sent(h.ready());
    expect(held).toHaveLength(64);
    expect(held[0]).toEqual({ op: 3, d: 6 });
    expect(sent(h.input({ type: 'command', op: 3, d: 'now' }))).toEqual([{ op: 3, d: 'now' }]);
  });
});

describe('ending', () => {
  it.each([4004, 4010, 4014])('does not come back after close %i', (code) => {
    h.online();
    const out = h.input({ type: 'closed', code });
    expect(of(out, 'fatal')).toEqual([{ type: 'fatal', code }]);
    expect(h.core.nextDeadline()).toBeNull();
  });

  it('ends the session for good when stopped', () => {
    h.online();
    expect(of(h.input({ type: 'stop' }), 'close')[0]?.code).toBe(1000);
    expect(h.core.nextDeadline()).toBeNull();
    expect(h.input({ type: 'nudge' })).toEqual([]);
  });

  it('survives frames that are not JSON', () => {
    h.online();
    expect(of(h.input({ type: 'frame', text: '{' }), 'close')[0]?.code).toBe(4000);
  });
});
