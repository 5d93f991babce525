import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Message } from '../src/lib/types';

/** A server that holds messages, may be away, and may lose its answers. */
const server = vi.hoisted(() => ({
  messages: [] as {
    id: string;
    content: string;
    nonce?: string;
    author: { id: string; username: string };
    attachments: unknown[];
  }[],
  away: false,
  losesAnswers: false,
  refusal: null as null | [status: number, code: number, message: string],
  nextId: 1000n,
}));

vi.mock('../src/lib/api', async () => {
  const { ApiError, describe } = await import('../src/lib/api/errors');
  const lost = () => new ApiError(0, 0, 'The server could not be reached');
  return {
    ApiError,
    describe,
    channels: {
      async send(_id: string, body: Record<string, unknown>, _files: File[], _progress: unknown, signal?: AbortSignal) {
        if (signal?.aborted) throw new DOMException('aborted', 'AbortError');
        if (server.away) throw lost();
        if (server.refusal) throw new ApiError(...server.refusal);
        const message = {
          id: String(server.nextId++),
          content: String(body.content),
          nonce: String(body.nonce),
          author: { id: '100', username: 'me' },
          attachments: [],
          mentions: [],
          timestamp: '2026-01-01T00:00:00Z',
          type: 0,
        };
        server.messages.push(message);
        if (server.losesAnswers) throw lost();
        return message;
      },
      async messages() {
        if (server.away) throw lost();
        return server.messages.map(({ nonce: _, ...m }) => m).reverse();
      },
    },
  };
});

const storage = new Map<string, string>();
vi.stubGlobal(
  'localStorage',
  new Proxy(
    {},
    {
      get: (_, key) =>
        ({
          getItem: (k: string) => storage.get(k) ?? null,
          setItem: (k: string, v: string) => storage.set(k, v),
          removeItem: (k: string) => storage.delete(k),
        })[String(key)],
      ownKeys: () => [...storage.keys()],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  ),
);

const { store } = await import('../src/lib/store/store.svelte');
const { clearOutbox, discardSend, flush, restore, retrySend, sendMessage } = await import('../src/lib/sending');

const channel = { id: '10', type: 0, guild_id: '1', name: 'general' };
const begin = () => {
  store.reset();
  store.me = { id: '100', username: 'me' };
  store.channels.set('10', channel);
  store.log('10').reset([], false, false);
};
const write = (content: string, files: File[] = []) =>
  sendMessage(channel, { content, files: files.map((file) => ({ file })) });
const states = () => store.log('10').outbox.map((m: Message) => `${m.content}: ${m.local?.status}`);
const settled = async () => {
  await vi.runAllTimersAsync();
};
const arrived = () => server.messages.map((m) => m.content);

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(server, { messages: [], away: false, losesAnswers: false, refusal: null });
  clearOutbox();
  storage.clear();
  begin();
});

/** Lets the tries of a message pass without the retries that come later. */
const tries = () => vi.advanceTimersByTimeAsync(3000);

describe('a message', () => {
  it('is forgotten here once the server has it', async () => {
    write('one');
    write('two');
    expect(storage.size).toBe(2);
    await settled();
    expect([arrived(), states(), storage.size]).toEqual([['one', 'two'], [], 0]);
  });

  it('written while the server is away waits, and goes out in order when it is back', async () => {
    server.away = true;
    write('one');
    write('two');
    await tries();
    write('three');
    await tries();
    expect(states()).toEqual(['one: waiting', 'two: waiting', 'three: waiting']);
    server.away = false;
    await flush(true);
    expect([arrived(), states()]).toEqual([['one', 'two', 'three'], []]);
  });

  it('goes out by itself after a while, without a word from the connection', async () => {
    server.away = true;
    write('one');
    await tries();
    server.away = false;
    await settled();
    expect(arrived()).toEqual(['one']);
  });

  it('outlives the page', async () => {
    server.away = true;
    write('one');
    await tries();
    // Another page begins with what is stored alone.
    const kept = new Map(storage);
    clearOutbox();
    kept.forEach((value, key) => storage.set(key, value));
    begin();
    server.away = false;
    await restore();
    expect([arrived(), states(), storage.size]).toEqual([['one'], [], 0]);
  });

  it('is not sent twice when it had arrived and only the answer was lost', async () => {
    server.losesAnswers = true;
    write('one');
    await vi.advanceTimersByTimeAsync(0);
    server.away = true;
    await tries();
    expect(states()).toEqual(['one: waiting']);
    Object.assign(server, { away: false, losesAnswers: false });
    await flush(true);
    expect([arrived(), states()]).toEqual([['one'], []]);
  });

  it('that was refused is left to the person', async () => {
    server.refusal = [403, 50013, 'Missing Permissions'];
    write('one');
    await settled();
    expect(states()).toEqual(['one: failed']);
    server.refusal = null;
    const { nonce } = store.log('10').outbox[0]!;
    await flush(true);
    expect(arrived()).toEqual([]);
    retrySend(String(nonce));
    await settled();
    expect(arrived()).toEqual(['one']);
  });

  it('that slow mode stops is told so at once', async () => {
    server.refusal = [429, 20016, 'This action cannot be performed due to slowmode rate limit.'];
    write('one');
    await settled();
    expect(states()).toEqual(['one: failed']);
  });

  it('can be given up while it waits', async () => {
    server.away = true;
    write('one');
    await tries();
    discardSend('10', String(store.log('10').outbox[0]!.nonce));
    server.away = false;
    await settled();
    expect([arrived(), states(), storage.size]).toEqual([[], [], 0]);
  });

  it('of somebody else on this device stays where it is', async () => {
    server.away = true;
    write('one');
    await tries();
    const kept = new Map(storage);
    clearOutbox();
    kept.forEach((value, key) => storage.set(key, value));
    begin();
    store.me = { id: '101', username: 'other' };
    server.away = false;
    await restore();
    expect([arrived(), storage.size]).toEqual([[], 1]);
  });
});
