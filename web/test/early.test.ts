import { afterEach, describe, expect, it, vi } from 'vitest';
import { earlyUrl, takeSocket } from '../src/lib/gateway/early';

vi.stubGlobal('WebSocket', { CONNECTING: 0, OPEN: 1 });
const URL = 'ws://localhost/?v=10&encoding=json&compress=zlib-stream';
const socket = (readyState: number, url = URL) => ({ readyState, url, close: vi.fn() }) as unknown as WebSocket;
const begun = (of: WebSocket | null) =>
  (globalThis.consortEarly = { url: Promise.resolve('ws://localhost'), socket: of, frames: [], taken: false });

afterEach(() => (globalThis.consortEarly = undefined));

describe('a socket that was opened before the code came', () => {
  it('is taken over once', async () => {
    const early = begun(socket(1));
    expect(await earlyUrl()).toBe('ws://localhost');
    expect(takeSocket(URL)?.socket).toBe(early.socket);
    expect(takeSocket(URL)).toBeNull();
    expect(await earlyUrl()).toBeNull();
  });

  it('is closed when it leads elsewhere, and left when it has ended', () => {
    const elsewhere = socket(0, 'ws://elsewhere/');
    begun(elsewhere);
    expect(takeSocket(URL)).toBeNull();
    expect(elsewhere.close).toHaveBeenCalled();
    begun(socket(3));
    expect(takeSocket(URL)).toBeNull();
  });

  it('is not opened any more when the page connects itself', () => {
    const early = begun(null);
    expect(takeSocket(URL)).toBeNull();
    expect(early.taken).toBe(true);
  });

  it('is not begun by a script that comes after the page', async () => {
    expect(await earlyUrl()).toBeNull();
    expect(globalThis.consortEarly?.taken).toBe(true);
    expect(takeSocket(URL)).toBeNull();
  });

  it('is not waited for when the server could not be asked', async () => {
    const early = begun(null);
    early.url = Promise.reject(new Error('no network'));
    expect(await earlyUrl()).toBeNull();
  });
});
