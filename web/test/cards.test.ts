import { describe, expect, it, vi } from 'vitest';

vi.hoisted(() => {
  const page = { pathname: '/', search: '', origin: 'https://chat.example' };
  Object.assign(globalThis, { location: page, addEventListener: () => {} });
});

const { inviteCodes, routeOf } = await import('../src/lib/cards');
const { coloured } = await import('../src/lib/code');

const ORIGIN = 'https://chat.example';

describe('invites in a message', () => {
  it('are found once each, also behind words', () => {
    expect(
      inviteCodes(`come ${ORIGIN}/invite/abc or [here](${ORIGIN}/invite/def), ${ORIGIN}/invite/abc`, ORIGIN),
    ).toEqual(['abc', 'def']);
  });
  it('are not taken from code, spoilers or other hosts', () => {
    expect(inviteCodes(`\`${ORIGIN}/invite/a\` ||${ORIGIN}/invite/b|| https://evil.example/invite/c`, ORIGIN)).toEqual(
      [],
    );
  });
  it('are at most three', () => {
    expect(inviteCodes([1, 2, 3, 4].map((n) => `${ORIGIN}/invite/c${n}`).join(' '), ORIGIN)).toHaveLength(3);
  });
});

describe('links of this server', () => {
  it('lead to their place', () => {
    expect(routeOf(`${ORIGIN}/channels/1/2/3`, ORIGIN)).toEqual({
      page: 'channel',
      guildId: '1',
      channelId: '2',
      messageId: '3',
    });
    expect(routeOf('https://evil.example/channels/1/2', ORIGIN)).toBeNull();
    expect(routeOf('no address', ORIGIN)).toBeNull();
  });
});

describe('colours of code', () => {
  it('name the parts of a known language', async () => {
    const nodes = await coloured('rust', 'fn main() {} // end');
    const flat = JSON.stringify(nodes);
    expect(flat).toContain('"name":"word"');
    expect(flat).toContain('"name":"comment"');
  });
  it('leave other code as it is', async () => {
    expect(await coloured('nosuch', 'x')).toBeNull();
    expect(await coloured('', 'x')).toBeNull();
    expect(await coloured('rust', 'x'.repeat(30_000))).toBeNull();
  });
});
