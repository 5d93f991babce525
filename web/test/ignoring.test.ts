import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadIgnored, setIgnored } from '../src/lib/ignoring';
import { isShunned } from '../src/lib/store/notify';
import { store } from '../src/lib/store/store.svelte';

const kept = new Map<string, string>();
vi.stubGlobal('localStorage', {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
  removeItem: (key: string) => void kept.delete(key),
});

describe('people who are ignored', () => {
  beforeEach(() => {
    store.reset();
    store.me = { id: '1', username: 'ada' };
  });

  it('stay so for the account, over a new session', () => {
    setIgnored(store, '2', true);
    store.clear();
    expect(isShunned(store, '2')).toBe(false);
    loadIgnored(store);
    expect(isShunned(store, '2')).toBe(true);
    store.clear();
    store.me = { id: '3', username: 'ben' };
    loadIgnored(store);
    expect(isShunned(store, '2')).toBe(false);
  });

  it('are heard again', () => {
    setIgnored(store, '2', true);
    setIgnored(store, '2', false);
    loadIgnored(store);
    expect(isShunned(store, '2')).toBe(false);
  });
});
