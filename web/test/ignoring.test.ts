import { beforeEach, describe, expect, it } from 'vitest';
import { reduce } from '../src/lib/store/reducers';
import { isShunned } from '../src/lib/store/notify';
import { store } from '../src/lib/store/store.svelte';

const BEN = { id: '2', username: 'ben' };

describe('people who are ignored', () => {
  beforeEach(() => {
    store.reset();
    store.me = { id: '1', username: 'ada' };
  });

  it('call nobody, and are nothing else by that', () => {
    reduce(store, 'RELATIONSHIP_ADD', { id: '2', type: 0, user: BEN, user_ignored: true });
    expect(isShunned(store, '2')).toBe(true);
    expect(store.relationships.has('2')).toBe(false);
    reduce(store, 'RELATIONSHIP_REMOVE', { id: '2', type: 0 });
    expect(isShunned(store, '2')).toBe(false);
  });

  it('may be friends, and stay ignored when they are so no more', () => {
    reduce(store, 'RELATIONSHIP_ADD', { id: '2', type: 1, user: BEN, user_ignored: false });
    reduce(store, 'RELATIONSHIP_UPDATE', { id: '2', type: 1, user: BEN, user_ignored: true });
    expect(store.relationships.get('2')?.type).toBe(1);
    expect(isShunned(store, '2')).toBe(true);
    reduce(store, 'RELATIONSHIP_UPDATE', { id: '2', type: 0, user: BEN, user_ignored: true });
    expect(store.relationships.has('2')).toBe(false);
    expect(isShunned(store, '2')).toBe(true);
  });

  it('are told anew with every session', () => {
    const ready = { user: store.me, guilds: [], relationships: [{ id: '2', type: 0, user: BEN, user_ignored: true }] };
    reduce(store, 'READY', ready);
    expect(isShunned(store, '2')).toBe(true);
    reduce(store, 'READY', { ...ready, relationships: [] });
    expect(isShunned(store, '2')).toBe(false);
  });
});
