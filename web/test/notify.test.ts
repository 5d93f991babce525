import { beforeEach, describe, expect, it, vi } from 'vitest';
import { watchIdle } from '../src/lib/idle';
import { reduce } from '../src/lib/store/reducers';
import { isMuted, levelOf, mentionsMe, notifies } from '../src/lib/store/notify';
import { guildBadges } from '../src/lib/store/selectors';
import { Store } from '../src/lib/store/store.svelte';
import type { Message } from '../src/lib/types';

const NOW = Date.parse('2026-06-01T12:00:00Z');
let store: Store;
const everyone = {
  id: '1',
  name: '@everyone',
  color: 0,
  hoist: false,
  position: 0,
  permissions: '1024',
  mentionable: false,
};
beforeEach(() => {
  store = new Store();
  reduce(store, 'READY', {
    user: { id: '100', username: 'me' },
    guilds: [
      {
        id: '1',
        name: 'G',
        owner_id: '9',
        roles: [everyone, { ...everyone, id: '2' }],
        emojis: [],
        default_message_notifications: 0,
        channels: [
          { id: '9', type: 4, name: 'Hall' },
          { id: '10', type: 0, name: 'general', parent_id: '9' },
        ],
        threads: [{ id: '30', type: 11, parent_id: '10', name: 't' }],
        members: [{ user: { id: '100', username: 'me' }, roles: ['2'] }],
      },
    ],
    private_channels: [{ id: '20', type: 1, recipients: [{ id: '101', username: 'ada' }] }],
    read_state: [],
    user_guild_settings: { entries: [], partial: false, version: 0 },
  });
});
const set = (guild_id: string | null, extra: object) =>
  reduce(store, 'USER_GUILD_SETTINGS_UPDATE', {
    guild_id,
    message_notifications: 3,
    muted: false,
    channel_overrides: [],
    ...extra,
  });
const message = (extra: Partial<Message> = {}): Message => ({
  id: '700',
  channel_id: '10',
  guild_id: '1',
  author: { id: '101', username: 'ada' },
  content: 'hi',
  timestamp: '',
  type: 0,
  mentions: [],
  mention_roles: [],
  attachments: [],
  embeds: [],
  ...extra,
});
const calls = (extra: Partial<Message> = {}) => notifies(store, message(extra), NOW);
const channel = (id = '10') => store.channels.get(id)!;
const me = [{ id: '100', username: 'me' }];

describe('what calls', () => {
  it('is every message where the community says nothing else, but not the own ones', () => {
    expect([calls(), calls({ author: { id: '100', username: 'me' } })]).toEqual([true, false]);
  });
  it('is what mentions only, or nothing, as it is set nearest', () => {
    set('1', { message_notifications: 1 });
    expect([calls(), calls({ mentions: me })]).toEqual([false, true]);
    set('1', { message_notifications: 1, channel_overrides: [{ channel_id: '9', message_notifications: 2 }] });
    expect([levelOf(store, channel()), calls({ mentions: me })]).toEqual([2, false]);
    set('1', {
      message_notifications: 1,
      channel_overrides: [
        { channel_id: '9', message_notifications: 2 },
        { channel_id: '10', message_notifications: 0 },
      ],
    });
    expect(calls()).toBe(true);
  });
  it('is nothing in muted places, until the mute ends', () => {
    const until = (end: string) => ({ muted: true, mute_config: { end_time: end } });
    set('1', { channel_overrides: [{ channel_id: '9', ...until('2026-06-01T12:00:01Z') }] });
    expect([
      isMuted(store, channel(), NOW),
      isMuted(store, channel('30'), NOW),
      isMuted(store, channel(), NOW + 1001),
    ]).toEqual([true, true, false]);
    set('1', until('2026-06-01T11:00:00Z'));
    expect(calls()).toBe(true);
    set(null, { channel_overrides: [{ channel_id: '20', muted: true }] });
    expect(calls({ channel_id: '20', guild_id: undefined })).toBe(false);
  });
  it('is what people write in a private channel, and not that one was called there', () => {
    const there = { channel_id: '20', guild_id: undefined };
    expect([0, 19, 20, 23].map((type) => mentionsMe(store, message({ ...there, type })))).toEqual(Array(4).fill(true));
    expect([3, 4, 6].map((type) => mentionsMe(store, message({ ...there, type })))).toEqual(Array(3).fill(false));
    reduce(store, 'MESSAGE_CREATE', message({ ...there, id: '900', type: 3 }));
    expect(store.readStates.get('20')?.mention_count ?? 0).toBe(0);
  });
  it('leaves out @everyone and roles when they are suppressed', () => {
    set('1', { message_notifications: 1, suppress_everyone: true, suppress_roles: true });
    expect([
      mentionsMe(store, message({ mention_everyone: true })),
      mentionsMe(store, message({ mention_roles: ['2'] })),
      mentionsMe(store, message({ mentions: me })),
    ]).toEqual([false, false, true]);
  });
  it('is not what was sent silently, nor a thread that was not joined', () => {
    expect([
      calls({ flags: 1 << 12, mentions: me }),
      calls({ channel_id: '30' }),
      calls({ channel_id: '30', mentions: me }),
    ]).toEqual([false, false, true]);
  });
});

it('a muted channel makes its community unread by nothing but mentions', () => {
  set('1', { channel_overrides: [{ channel_id: '10', muted: true }] });
  reduce(store, 'MESSAGE_CREATE', message());
  expect(guildBadges(store).has('1')).toBe(false);
  set('1', {});
  expect(guildBadges(store).get('1')).toEqual({ unread: true, mentions: 0 });
});

it('nobody at the page for ten minutes is away, until something is touched', () => {
  vi.useFakeTimers();
  const page = new EventTarget();
  const seen: boolean[] = [];
  const stop = watchIdle(page, (idle) => seen.push(idle));
  vi.advanceTimersByTime(6 * 60_000);
  page.dispatchEvent(new Event('keydown'));
  vi.advanceTimersByTime(9 * 60_000);
  expect(seen).toEqual([]);
  vi.advanceTimersByTime(2 * 60_000);
  page.dispatchEvent(new Event('pointermove'));
  vi.advanceTimersByTime(11 * 60_000);
  expect(seen).toEqual([true, false, true]);
  stop();
  vi.useRealTimers();
});
