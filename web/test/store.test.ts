import { beforeEach, describe, expect, it } from 'vitest';
import { expireTyping } from '../src/lib/store/reducers/channel';
import { reduce } from '../src/lib/store/reducers';
import { channelTree, guildBadges, isUnread, mentionCount } from '../src/lib/store/selectors';
import { applyOp, RangedList, type ListRow, type WireListOp } from '../src/lib/store/memberlist.svelte';
import { knownRows, rangesFor } from '../src/lib/store/members';
import { Store } from '../src/lib/store/store.svelte';
import { Permission } from '../src/lib/permissions';

const ME = { id: '100', username: 'me', global_name: 'Me' };
const ADA = { id: '101', username: 'ada', global_name: 'Ada' };
const VIEW = (Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES).toString();

const guild = (extra: object = {}) => ({
  id: '1',
  name: 'Quartet',
  owner_id: ADA.id,
  joined_at: '2020-01-01T00:00:00.000000+00:00',
  member_count: 2,
  roles: [
    { id: '1', name: '@everyone', color: 0, hoist: false, position: 0, permissions: VIEW, mentionable: false },
    { id: '2', name: 'Strings', color: 255, hoist: true, position: 1, permissions: '0', mentionable: true },
  ],
  emojis: [],
  channels: [
    { id: '9', type: 4, name: 'Hall', position: 0 },
    { id: '10', type: 0, name: 'general', position: 0, parent_id: '9', last_message_id: '500' },
    {
      id: '11',
      type: 0,
      name: 'hidden',
      position: 1,
      last_message_id: '501',
      permission_overwrites: [{ id: '1', type: 0, allow: '0', deny: VIEW }],
    },
  ],
  threads: [],
  members: [{ user: ME, roles: ['2'] }],
  presences: [],
  voice_states: [],
  ...extra,
});

const ready = (extra: object = {}) => ({
  user: ME,
  guilds: [guild()],
  private_channels: [{ id: '20', type: 1, recipients: [ADA], last_message_id: '600' }],
  relationships: [{ id: ADA.id, type: 1, user: ADA }],
  read_state: [{ id: '10', last_message_id: '500', mention_count: 0 }],
  sessions: [{ session_id: 'x', status: 'idle', activities: [] }],
  ...extra,
});

const message = (extra: object = {}) => ({
  id: '700',
  channel_id: '10',
  guild_id: '1',
  author: ADA,
  member: { roles: [] },
  content: 'hi',
  timestamp: '2026-01-01T00:00:00+00:00',
  mentions: [],
  mention_roles: [],
  attachments: [],
  embeds: [],
  type: 0,
  ...extra,
});

let store: Store;
beforeEach(() => {
  store = new Store();
  reduce(store, 'READY', ready());
});

describe('READY', () => {
  it('takes in guilds, people, private channels and read states', () => {
    expect(store.me?.username).toBe('me');
    expect(store.guilds.get('1')?.name).toBe('Quartet');
    expect(store.channels.get('10')?.guild_id).toBe('1');
    expect(store.channels.get('20')?.recipient_ids).toEqual([ADA.id]);
    expect(store.relationships.get(ADA.id)?.type).toBe(1);
    expect(store.readStates.get('10')?.last_message_id).toBe('500');
    expect(store.presences.get(ME.id)?.status).toBe('idle');
  });

  it('reads the versioned and deduplicated shapes too', () => {
    const other = new Store();
    const { name, owner_id, ...rest } = guild();
    reduce(other, 'READY', {
      ...ready(),
      users: [ADA],
      guilds: [{ ...rest, properties: { name, owner_id }, members: undefined }],
      merged_members: [[{ user_id: ME.id, roles: ['2'] }]],
      private_channels: [{ id: '20', type: 1, recipient_ids: [ADA.id] }],
      relationships: [{ id: ADA.id, type: 1, user_id: ADA.id }],
      read_state: { entries: [{ id: '10', last_message_id: '500', mention_count: 2 }], partial: false, version: 3 },
    });
    expect(other.guilds.get('1')?.name).toBe('Quartet');
    expect(other.member('1', ME.id)?.roles).toEqual(['2']);
    expect(other.users.get(ADA.id)?.username).toBe('ada');
    expect(mentionCount(other, '10')).toBe(2);
  });

  it('forgets what a new READY no longer holds', () => {
    reduce(store, 'READY', ready({ guilds: [] }));
    expect(store.guilds.size).toBe(0);
    expect(store.channels.has('10')).toBe(false);
    expect(store.epoch).toBe(2);
  });
});

describe('channels', () => {
  it('shows only what can be seen, under its category', () => {
    expect(channelTree(store, '1').map((g) => [g.category?.name, g.channels.map((c) => c.name)])).toEqual([
      ['Hall', ['general']],
    ]);
  });

  it('keeps what an update leaves out', () => {
    reduce(store, 'CHANNEL_UPDATE', { id: '10', guild_id: '1', type: 0, name: 'lobby' });
    expect(store.channels.get('10')).toMatchObject({ name: 'lobby', parent_id: '9' });
  });

  it('takes threads away with their channel', () => {
    reduce(store, 'THREAD_CREATE', { id: '30', guild_id: '1', type: 11, parent_id: '10', name: 't' });
    reduce(store, 'CHANNEL_DELETE', { id: '10', guild_id: '1', type: 0 });
    expect(store.channels.has('30')).toBe(false);
  });

  it('lets a typing sign run out, and ends it with the message', () => {
    reduce(store, 'TYPING_START', { channel_id: '10', user_id: ADA.id }, 1000);
    expect(store.typing.get('10')?.has(ADA.id)).toBe(true);
    expireTyping(store, 11_001);
    expect(store.typing.has('10')).toBe(false);
    reduce(store, 'TYPING_START', { channel_id: '10', user_id: ADA.id }, 20_000);
    reduce(store, 'MESSAGE_CREATE', message());
    expect(store.typing.has('10')).toBe(false);
  });
});

describe('unread marks', () => {
  const general = () => store.channels.get('10')!;

  it('marks a channel unread with a new message and read with an ack', () => {
    expect(isUnread(store, general())).toBe(false);
    reduce(store, 'MESSAGE_CREATE', message());
    expect(isUnread(store, general())).toBe(true);
    reduce(store, 'MESSAGE_ACK', { channel_id: '10', message_id: '700' });
    expect(isUnread(store, general())).toBe(false);
  });

  it('counts mentions by name, by role and of everyone', () => {
    reduce(store, 'MESSAGE_CREATE', message({ id: '701', mentions: [ME] }));
    reduce(store, 'MESSAGE_CREATE', message({ id: '702', mention_roles: ['2'] }));
    reduce(store, 'MESSAGE_CREATE', message({ id: '703', mention_everyone: true }));
    reduce(store, 'MESSAGE_CREATE', message({ id: '704' }));
    expect(mentionCount(store, '10')).toBe(3);
    expect(guildBadges(store).get('1')).toEqual({ unread: true, mentions: 3 });
  });

  it('counts every message of a private channel, but not of someone blocked', () => {
    reduce(store, 'MESSAGE_CREATE', message({ channel_id: '20', guild_id: undefined }));
    expect(mentionCount(store, '20')).toBe(1);
    reduce(store, 'RELATIONSHIP_ADD', { id: ADA.id, type: 2, user: ADA });
    reduce(store, 'MESSAGE_CREATE', message({ id: '705', channel_id: '20', guild_id: undefined }));
    expect(mentionCount(store, '20')).toBe(1);
  });

  it('counts no mention in the channel being watched', () => {
    store.watched = '10';
    reduce(store, 'MESSAGE_CREATE', message({ mentions: [ME] }));
    expect(mentionCount(store, '10')).toBe(0);
  });

  it('does not go back with an older ack', () => {
    reduce(store, 'MESSAGE_ACK', { channel_id: '10', message_id: '800' });
    reduce(store, 'MESSAGE_ACK', { channel_id: '10', message_id: '750' });
    expect(store.readStates.get('10')?.last_message_id).toBe('800');
  });

  it('says nothing of channels that cannot be seen', () => {
    expect(guildBadges(store).has('1')).toBe(false);
  });
});

describe('messages', () => {
  const log = () => store.log('10');
  beforeEach(() => log().reset([], false, false));

  it('adds in order and once', () => {
    reduce(store, 'MESSAGE_CREATE', message({ id: '702' }));
    reduce(store, 'MESSAGE_CREATE', message({ id: '701' }));
    reduce(store, 'MESSAGE_CREATE', message({ id: '702' }));
    expect(log().items.map((m) => m.id)).toEqual(['701', '702']);
  });

  it('replaces what waited to be sent when it comes back with its nonce', () => {
    log().outbox = [message({ id: 'n', nonce: '42', author: ME, local: { status: 'sending' } }) as never];
    reduce(store, 'MESSAGE_CREATE', message({ id: '703', nonce: '42', author: ME }));
    expect(log().outbox).toEqual([]);
    expect(log().items).toHaveLength(1);
  });

  it('does not append to a window of the past', () => {
    log().hasNewer = true;
    reduce(store, 'MESSAGE_CREATE', message());
    expect(log().items).toEqual([]);
  });

  it('edits without losing reactions', () => {
    reduce(store, 'MESSAGE_CREATE', message());
    reduce(store, 'MESSAGE_REACTION_ADD', {
      channel_id: '10',
      message_id: '700',
      user_id: ADA.id,
      emoji: { id: null, name: '👍' },
    });
    reduce(store, 'MESSAGE_UPDATE', {
      ...message({ content: 'edited' }),
      edited_timestamp: '2026-01-01T00:01:00+00:00',
    });
    expect(log().find('700')).toMatchObject({ content: 'edited', reactions: [{ count: 1, me: false }] });
  });

  it('counts an own reaction once, whether the click or the event comes first', () => {
    reduce(store, 'MESSAGE_CREATE', message());
    const event = { channel_id: '10', message_id: '700', user_id: ME.id, emoji: { id: null, name: '👍' } };
    reduce(store, 'MESSAGE_REACTION_ADD', event);
    reduce(store, 'MESSAGE_REACTION_ADD', event);
    expect(log().find('700')?.reactions).toEqual([{ emoji: event.emoji, count: 1, me: true }]);
    reduce(store, 'MESSAGE_REACTION_REMOVE', event);
    expect(log().find('700')?.reactions).toEqual([]);
  });

  it('empties replies to what was deleted', () => {
    reduce(store, 'MESSAGE_CREATE', message());
    reduce(store, 'MESSAGE_CREATE', message({ id: '710', type: 19, referenced_message: message() }));
    reduce(store, 'MESSAGE_DELETE', { channel_id: '10', id: '700' });
    expect(log().items.map((m) => [m.id, m.referenced_message])).toEqual([['710', null]]);
  });

  it('pages both ways without doubling, within a bound', () => {
    const page = (from: number, n: number) =>
      Array.from({ length: n }, (_, i) => message({ id: String(10_000 + from + i) }) as never);
    log().reset(page(500, 50), true, false);
    log().prepend(page(451, 50), true);
    expect(log().items).toHaveLength(99);
    for (let from = 450; from > -200; from -= 50) log().prepend(page(from - 50, 50), true);
    expect(log().items.length).toBeLessThanOrEqual(600);
    expect(log().hasNewer).toBe(true);
  });
});

describe('polls', () => {
  it('count a vote once, whether the click or the event comes first', () => {
    const log = store.log('10');
    log.reset([], false, false);
    reduce(
      store,
      'MESSAGE_CREATE',
      message({ poll: { question: { text: '?' }, answers: [{ answer_id: 1, poll_media: { text: 'yes' } }] } }),
    );
    const event = (user_id: string) => ({ channel_id: '10', message_id: '700', answer_id: 1, user_id });
    const counts = () => log.find('700')!.poll!.results!.answer_counts;
    reduce(store, 'MESSAGE_POLL_VOTE_ADD', event(ME.id));
    reduce(store, 'MESSAGE_POLL_VOTE_ADD', event(ME.id));
    reduce(store, 'MESSAGE_POLL_VOTE_ADD', event(ADA.id));
    expect(counts()).toEqual([{ id: 1, count: 2, me_voted: true }]);
    reduce(store, 'MESSAGE_POLL_VOTE_REMOVE', event(ME.id));
    expect(counts()).toEqual([{ id: 1, count: 1, me_voted: false }]);
  });
});

it('makes nothing unread by what only one person sees', () => {
  store.log('10').reset([], false, false);
  reduce(store, 'MESSAGE_CREATE', message({ id: '900', flags: 64, mentions: [ME] }));
  expect(store.log('10').items.map((m) => m.id)).toEqual(['900']);
  expect([store.lastMessage.get('10'), mentionCount(store, '10')]).toEqual(['500', 0]);
});

describe('guilds', () => {
  it('keeps a guild that is only unreachable, and drops one that was left', () => {
    reduce(store, 'GUILD_DELETE', { id: '1', unavailable: true });
    expect(store.guilds.get('1')?.unavailable).toBe(true);
    reduce(store, 'GUILD_CREATE', guild());
    expect(store.guilds.get('1')?.unavailable).toBeUndefined();
    reduce(store, 'GUILD_DELETE', { id: '1' });
    expect(store.guilds.has('1')).toBe(false);
    expect(store.channels.has('10')).toBe(false);
    expect(store.guildOrder).toEqual([]);
  });

  it('takes a deleted role from its members', () => {
    reduce(store, 'GUILD_ROLE_DELETE', { guild_id: '1', role_id: '2' });
    expect(store.member('1', ME.id)?.roles).toEqual([]);
  });

  it('lists known members under hoisted roles, online and offline', () => {
    reduce(store, 'GUILD_MEMBER_ADD', { guild_id: '1', user: ADA, roles: [] });
    expect(store.guilds.get('1')?.member_count).toBe(3);
    reduce(store, 'PRESENCE_UPDATE', { guild_id: '1', user: { id: ME.id }, status: 'online' });
    expect(knownRows(store, store.guilds.get('1')!, undefined)).toEqual([
      { kind: 'group', id: '2', count: 1 },
      { kind: 'member', userId: ME.id },
      { kind: 'group', id: 'offline', count: 1 },
      { kind: 'member', userId: ADA.id },
    ]);
  });
});

describe('ranged member list', () => {
  const member = (id: string) => ({ member: { user: { id, username: id }, user_id: id, roles: [] } });
  const known = (rows: Map<number, ListRow>) =>
    Object.fromEntries(
      [...rows].sort(([a], [b]) => a - b).map(([at, r]) => [at, r.kind === 'group' ? r.id : r.userId]),
    );
  const apply = (...ops: WireListOp[]) => known(ops.reduce(applyOp, new Map<number, ListRow>()));
  const two: WireListOp = {
    op: 'SYNC',
    range: [0, 99],
    items: [{ group: { id: 'online', count: 2 } }, member('a'), member('b')],
  };
  const shown = (list: RangedList) =>
    Array.from({ length: list.length }, (_, i) => list.at(i)).map((r) =>
      r === undefined ? null : r.kind === 'group' ? r.id : r.userId,
    );

  it('follows sync, insert, update, delete and invalidate', () => {
    const insert: WireListOp = { op: 'INSERT', index: 2, item: member('c') };
    expect(apply(two, insert)).toEqual({ 0: 'online', 1: 'a', 2: 'c', 3: 'b' });
    const changed = [
      two,
      insert,
      { op: 'DELETE', index: 1 },
      { op: 'UPDATE', index: 1, item: member('d') },
    ] as WireListOp[];
    expect(apply(...changed)).toEqual({ 0: 'online', 1: 'd', 2: 'b' });
    expect(apply(...changed, { op: 'INVALIDATE', range: [1, 1] })).toEqual({ 0: 'online', 2: 'b' });
    expect(apply(two, { op: 'SYNC', range: [0, 99], items: [member('e')] })).toEqual({ 0: 'e' });
  });

  it('moves rows of another range with what comes before them', () => {
    const far: WireListOp = { op: 'SYNC', range: [50_000, 50_099], items: [member('x'), member('y')] };
    expect(apply(two, far, { op: 'INSERT', index: 1, item: member('c') })).toMatchObject({ 50_001: 'x', 50_002: 'y' });
    expect(apply(two, far, { op: 'DELETE', index: 2 })).toEqual({ 0: 'online', 1: 'a', 49_999: 'x', 50_000: 'y' });
  });

  it('ignores positions out of reason', () => {
    expect(
      apply(
        { op: 'INSERT', index: 1e9, item: member('a') },
        { op: 'DELETE', index: -1 },
        { op: 'SYNC', range: [0, 1e9], items: [] },
      ),
    ).toEqual({});
  });

  it('begins anew with the list of another channel, and ignores what comes late for the old one', () => {
    const sync = (id: string, userId: string) => ({
      guild_id: '1',
      id,
      groups: [{ id: 'online', count: 1 }],
      ops: [{ op: 'SYNC', range: [0, 99], items: [{ group: { id: 'online', count: 1 } }, member(userId)] }],
    });
    reduce(store, 'GUILD_MEMBER_LIST_UPDATE', sync('a', '101'));
    reduce(store, 'GUILD_MEMBER_LIST_UPDATE', sync('b', '102'));
    reduce(store, 'GUILD_MEMBER_LIST_UPDATE', { guild_id: '1', id: 'a', ops: [{ op: 'DELETE', index: 1 }] });
    expect(shown(store.memberLists.get('1')!)).toEqual(['online', '102']);
  });

  it('holds what was asked for lately, and nobody in the store who was merely scrolled past', () => {
    const groups = [
      { id: 'online', count: 3 },
      { id: 'offline', count: 99_990 },
    ];
    for (let from = 0; from < 100_000; from += 100) {
      const items = Array.from({ length: 100 }, (_, i) => member(String(1_000_000 + from + i)));
      reduce(store, 'GUILD_MEMBER_LIST_UPDATE', {
        guild_id: '1',
        id: 'everyone',
        groups,
        ops: [{ op: 'SYNC', range: [from, from + 99], items }],
      });
    }
    const list = store.memberLists.get('1')!;
    expect(list.known).toBeLessThanOrEqual(2_000);
    expect(list.at(99_950)).toMatchObject({ userId: '1099950' });
    expect([list.at(50_000), list.length]).toEqual([undefined, 99_995]);
    expect(store.users.size).toBeLessThan(10);
  });

  it('knows headings without having been told of their rows', () => {
    const list = new RangedList();
    list.apply(
      [],
      [
        { id: '2', count: 3 },
        { id: 'online', count: 0 },
        { id: 'offline', count: 5 },
      ],
    );
    expect(shown(list)).toEqual(['2', null, null, null, 'offline', null, null, null, null, null]);
  });

  it('counts headings as rows', () => {
    const list = new RangedList();
    list.apply(
      [],
      [
        { id: '2', count: 3 },
        { id: 'online', count: 0 },
        { id: 'offline', count: 5 },
      ],
    );
    expect(list.length).toBe(10);
  });

  it('asks for the first hundred rows, what is on screen, and what comes next', () => {
    expect(rangesFor(0, 20)).toEqual([[0, 99]]);
    expect(rangesFor(50, 70)).toEqual([
      [0, 99],
      [100, 199],
    ]);
    expect(rangesFor(250, 320)).toEqual([
      [0, 99],
      [200, 299],
      [300, 399],
    ]);
    expect(rangesFor(210, 230)).toEqual([
      [0, 99],
      [100, 199],
      [200, 299],
    ]);
    expect(rangesFor(560, 580)).toEqual([
      [0, 99],
      [500, 599],
      [600, 699],
    ]);
  });
});

describe('a guild that is not looked at', () => {
  const delta = (extra: object) => ({
    guild_id: '1',
    updated_channels: [],
    updated_voice_states: [],
    removed_voice_states: [],
    updated_members: [],
    ...extra,
  });
  const page = () => store.log('10').reset([message() as never], false, false);

  it('is marked unread by what changed, and never goes back', () => {
    reduce(store, 'PASSIVE_UPDATE_V2', delta({ updated_channels: [{ id: '10', last_message_id: '800' }] }));
    expect(isUnread(store, store.channels.get('10')!)).toBe(true);
    reduce(
      store,
      'PASSIVE_UPDATE_V2',
      delta({
        updated_channels: [
          { id: '10', last_message_id: '700' },
          { id: '12', last_message_id: null },
        ],
      }),
    );
    expect(store.lastMessage.get('10')).toBe('800');
  });

  it('shows who is in voice', () => {
    const state = { user_id: ADA.id, channel_id: '10', session_id: 'x' };
    reduce(
      store,
      'PASSIVE_UPDATE_V2',
      delta({ updated_voice_states: [state], updated_members: [{ user: ADA, nick: 'Countess', roles: [] }] }),
    );
    expect([...store.voiceStates.get('1')!.keys()]).toEqual([ADA.id]);
    expect(store.member('1', ADA.id)?.nick).toBe('Countess');
    reduce(store, 'PASSIVE_UPDATE_V2', delta({ removed_voice_states: [ADA.id] }));
    expect(store.voiceStates.get('1')!.size).toBe(0);
  });

  it('makes a window of messages stale that lacks the newest one, and only that', () => {
    page();
    reduce(store, 'PASSIVE_UPDATE_V2', delta({ updated_channels: [{ id: '10', last_message_id: '700' }] }));
    expect(store.log('10').stale).toBe(false);
    reduce(store, 'PASSIVE_UPDATE_V2', delta({ updated_channels: [{ id: '10', last_message_id: '701' }] }));
    expect(store.log('10').stale).toBe(true);
  });

  it('has its messages loaded anew if it is large, as edits of them do not come', () => {
    page();
    store.lookAway('1');
    expect(store.log('10').stale).toBe(false);
    reduce(store, 'GUILD_UPDATE', { id: '1', large: true });
    store.lookAway('1');
    expect(store.log('10').stale).toBe(true);
  });
});

it('ignores events it does not know, and payloads that are none', () => {
  expect(reduce(store, 'SOMETHING_NEW', {})).toBe(false);
  expect(reduce(store, 'MESSAGE_CREATE', null)).toBe(false);
  expect(reduce(store, 'constructor', {})).toBe(false);
});
