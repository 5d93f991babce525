import { beforeEach, describe, expect, it } from 'vitest';
import { rank, suggest, tokenAt } from '../src/lib/composer/autocomplete';
import { fromWire, toWire } from '../src/lib/composer/outgoing';
import { Store } from '../src/lib/store/store.svelte';
import { makeNonce, compareIds, idAt, idTimestamp } from '../src/lib/snowflake';
import { flattenErrors, toApiError } from '../src/lib/api/errors';
import { layOut } from '../src/components/chat/rows';
import type { Channel, Message } from '../src/lib/types';

const store = new Store();
const channel: Channel = { id: '10', type: 0, guild_id: '1', name: 'general' };
beforeEach(() => {
  store.reset();
  store.channels.set('10', channel);
  store.guilds.set('1', {
    id: '1',
    name: 'G',
    owner_id: '1',
    roles: [],
    emojis: [{ id: '7', name: 'wave' }],
    member_count: 1,
  });
  store.addMember('1', { user: { id: '5', username: 'anna' }, roles: [] });
});

describe('completion', () => {
  it.each([
    ['hi @an', 6, { kind: 'user', query: 'an', start: 3 }],
    ['#gen', 4, { kind: 'channel', query: 'gen', start: 0 }],
    ['(:smi', 5, { kind: 'emoji', query: 'smi', start: 1 }],
    ['a@b', 3, null],
    ['at 10:30', 8, null],
    [':s', 2, null],
  ])('finds the token in %j', (text, caret, expected) => expect(tokenAt(text, caret)).toEqual(expected));

  it('prefers beginnings', () => {
    expect(rank('anna', 'an')).toBeGreaterThan(rank('Joan', 'an'));
    expect(rank('Mary Ann', 'an')).toBeGreaterThan(rank('Joan', 'an'));
    expect(rank('bob', 'an')).toBe(0);
  });
});

describe('what an @ offers', () => {
  it('begins with people, however many roles there are', async () => {
    const roles = Array.from({ length: 9 }, (_, i) => ({
      id: String(50 + i),
      name: `role ${i}`,
      color: 0,
      hoist: false,
      position: i,
      permissions: '0',
      mentionable: true,
    }));
    store.guilds.set('1', { ...store.guilds.get('1')!, roles });
    for (let i = 0; i < 9; i++) store.addMember('1', { user: { id: String(500 + i), username: `zoe${i}` }, roles: [] });
    const list = await suggest(store, channel, { kind: 'user', query: '', start: 0 });
    expect(list).toHaveLength(8);
    expect(list.slice(0, 5).every((s) => s.userId)).toBe(true);
    expect(list.at(-1)!.userId).toBeUndefined();
  });
});

describe('what is sent', () => {
  it('turns names into mentions, but not inside code', () => {
    expect(toWire('hi @anna and `@anna`', new Map(), store, channel)).toBe('hi <@5> and `@anna`');
  });
  it('uses what was picked, longer names first', () => {
    const picked = new Map([
      ['@an', '<@1>'],
      ['@anders', '<@2>'],
    ]);
    expect(toWire('@anders @an', picked, store, channel)).toBe('<@2> <@1>');
  });
  it('turns names of emoji into emoji, and leaves times alone', () => {
    expect(toWire(':wave: at 10:30:00', new Map(), store, channel)).toBe('<:wave:7> at 10:30:00');
  });
  it('comes back the same from the edit box', () => {
    const wire = 'hey <@5> in <#10> <:wave:7>';
    const { text, picked } = fromWire(wire, store, channel);
    expect(text).toBe('hey @anna in #general :wave:');
    expect(toWire(text, picked, store, channel)).toBe(wire);
  });
});

describe('ids', () => {
  it('orders by length first', () => expect(compareIds('99', '100')).toBeLessThan(0));
  it('makes rising nonces of at most 25 characters', () => {
    const a = makeNonce(1_700_000_000_000);
    const b = makeNonce(1_700_000_000_000);
    expect(compareIds(a, b)).toBeLessThan(0);
    expect(b.length).toBeLessThanOrEqual(25);
  });
  it('keeps the time', () => expect(idTimestamp(idAt(1_700_000_000_000))).toBe(1_700_000_000_000));
});

describe('errors', () => {
  it('flattens the tree of field errors', () => {
    expect(flattenErrors({ embeds: { 0: { title: { _errors: [{ code: 'X', message: 'too long' }] } } } })).toEqual([
      { path: 'embeds.0.title', code: 'X', message: 'too long' },
    ]);
  });
  it('says what is wrong with which field', () => {
    const error = toApiError(400, {
      code: 50035,
      message: 'Invalid Form Body',
      errors: { global_name: { _errors: [{ code: 'X', message: 'Must be shorter' }] } },
    });
    expect(error.summary).toBe('global name: Must be shorter');
    expect(error.field('global_name')).toBe('Must be shorter');
  });
  it('bears answers that are no errors of the API', () =>
    expect(toApiError(502, '<html>').message).toBe('The request failed (502)'));
});

describe('rows', () => {
  const message = (id: string, author: string, at: string, extra: Partial<Message> = {}): Message => ({
    id,
    channel_id: '10',
    author: { id: author, username: author },
    content: 'x',
    timestamp: at,
    type: 0,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    ...extra,
  });
  const rows = (items: Message[], readUpTo: string | null = null) =>
    layOut({ items, outbox: [], hasOlder: false, hasNewer: false, readUpTo, meId: 'me' })
      .slice(0, -1)
      .map((r) => (r.kind === 'message' ? `${r.message.id}${r.grouped ? '+' : ''}` : r.kind));

  it('groups what one author wrote in a short time', () => {
    expect(
      rows([
        message('1', 'a', '2026-01-01T10:00:00'),
        message('2', 'a', '2026-01-01T10:01:00'),
        message('3', 'b', '2026-01-01T10:02:00'),
        message('4', 'b', '2026-01-01T10:30:00'),
        message('5', 'b', '2026-01-02T10:30:00'),
      ]),
    ).toEqual(['top', 'day', '1', '2+', '3', '4', 'day', '5']);
  });
  it('marks where the news begins, but never before own words', () => {
    expect(
      rows(
        [
          message('1', 'a', '2026-01-01T10:00:00'),
          message('2', 'me', '2026-01-01T10:01:00'),
          message('3', 'a', '2026-01-01T10:02:00'),
        ],
        '1',
      ),
    ).toEqual(['top', 'day', '1', '2', 'new', '3']);
  });
  it('never groups a reply', () => {
    expect(
      rows([message('1', 'a', '2026-01-01T10:00:00'), message('2', 'a', '2026-01-01T10:00:01', { type: 19 })]),
    ).toEqual(['top', 'day', '1', '2']);
  });
});
