import { describe, expect, it } from 'vitest';
import {
  ALL_PERMISSIONS,
  bits,
  channelPermissions,
  guildPermissions,
  has,
  Permission as P,
} from '../src/lib/permissions';
import type { Channel, Guild, Member, Overwrite } from '../src/lib/types';

const role = (id: string, permissions: bigint, position = 1) => ({
  id,
  name: id,
  color: 0,
  hoist: false,
  position,
  permissions: permissions.toString(),
  mentionable: false,
});
const everyone = P.VIEW_CHANNEL | P.SEND_MESSAGES | P.ATTACH_FILES | P.READ_MESSAGE_HISTORY;
const guild: Guild = {
  id: '1',
  name: 'G',
  owner_id: '10',
  roles: [role('1', everyone, 0), role('2', P.MANAGE_MESSAGES), role('3', P.ADMINISTRATOR)],
  emojis: [],
  member_count: 3,
};
const member = (roles: string[], extra: Partial<Member> = {}): Member => ({ user_id: '11', roles, ...extra });
const ow = (id: string, type: 0 | 1, allow: bigint, deny: bigint): Overwrite => ({
  id,
  type,
  allow: allow.toString(),
  deny: deny.toString(),
});
const channel = (permission_overwrites: Overwrite[], type = 0): Channel => ({
  id: '5',
  type,
  guild_id: '1',
  permission_overwrites,
});
const inChannel = (overwrites: Overwrite[], roles: string[] = []) =>
  channelPermissions(guild, channel(overwrites), undefined, member(roles), '11');

describe('in the guild', () => {
  it('gives the owner everything', () => expect(guildPermissions(guild, undefined, '10')).toBe(ALL_PERMISSIONS));
  it('gives administrators everything', () =>
    expect(guildPermissions(guild, member(['3']), '11')).toBe(ALL_PERMISSIONS));
  it('adds up the roles', () =>
    expect(guildPermissions(guild, member(['2']), '11')).toBe(everyone | P.MANAGE_MESSAGES));
  it('leaves a member in time-out only what they can read', () => {
    const until = new Date(2_000).toISOString();
    expect(guildPermissions(guild, member(['2'], { communication_disabled_until: until }), '11', 1_000)).toBe(
      P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY,
    );
    expect(guildPermissions(guild, member(['2'], { communication_disabled_until: until }), '11', 3_000)).toBe(
      everyone | P.MANAGE_MESSAGES,
    );
  });
});

describe('in a channel', () => {
  it('applies what is denied to everyone', () => expect(inChannel([ow('1', 0, 0n, P.VIEW_CHANNEL)])).toBe(0n));
  it('lets a role open what is closed to everyone', () =>
    expect(
      has(inChannel([ow('1', 0, 0n, P.VIEW_CHANNEL), ow('2', 0, P.VIEW_CHANNEL, 0n)], ['2']), P.VIEW_CHANNEL),
    ).toBe(true));
  it('lets one role allow what another denies', () =>
    expect(
      has(inChannel([ow('2', 0, 0n, P.SEND_MESSAGES), ow('4', 0, P.SEND_MESSAGES, 0n)], ['2', '4']), P.SEND_MESSAGES),
    ).toBe(true));
  it('lets the own overwrite win', () =>
    expect(
      has(inChannel([ow('2', 0, P.SEND_MESSAGES, 0n), ow('11', 1, 0n, P.SEND_MESSAGES)], ['2']), P.SEND_MESSAGES),
    ).toBe(false));
  it('takes files away with the right to send', () =>
    expect(has(inChannel([ow('1', 0, 0n, P.SEND_MESSAGES)]), P.ATTACH_FILES)).toBe(false));
  it('never binds administrators', () =>
    expect(inChannel([ow('1', 0, 0n, P.VIEW_CHANNEL)], ['3'])).toBe(ALL_PERMISSIONS));
});

describe('in a thread', () => {
  it('takes the rights of the parent, and asks for the right to send in threads', () => {
    const parent = channel([ow('1', 0, P.SEND_MESSAGES_IN_THREADS, P.SEND_MESSAGES)]);
    const set = channelPermissions(
      guild,
      { id: '6', type: 11, guild_id: '1', parent_id: '5' },
      parent,
      member([]),
      '11',
    );
    expect(has(set, P.SEND_MESSAGES_IN_THREADS)).toBe(true);
    expect(has(set, P.ATTACH_FILES)).toBe(true);
  });
});

it('reads unreadable permissions as none', () => {
  expect(bits('x')).toBe(0n);
  expect(bits(undefined)).toBe(0n);
});
