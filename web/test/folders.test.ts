import { describe, expect, it } from 'vitest';
import { arranged, dropped, takenApart, type GuildFolder } from '../src/lib/folders';

const one = (id: string): GuildFolder => ({ id: null, name: null, color: null, guild_ids: [id] });
const folder = (id: number, ...guild_ids: string[]): GuildFolder => ({ id, name: null, color: null, guild_ids });
/** `1 2 [3 4]` */
const shown = (folders: GuildFolder[]) =>
  folders.map((f) => (f.id === null ? f.guild_ids[0] : `[${f.guild_ids.join(' ')}]`)).join(' ');

describe('arranged', () => {
  it('shows each known community once, new ones last', () => {
    expect(shown(arranged([one('2'), folder(7, '1', '9', '2')], ['1', '2', '3']))).toBe('2 [1] 3');
  });
  it('shows communities of a list without an id by themselves', () => {
    expect(shown(arranged([{ ...one('1'), guild_ids: ['2', '1'] }], ['1', '2']))).toBe('2 1');
  });
});

describe('dropped', () => {
  const start = [one('1'), one('2'), folder(7, '3', '4'), one('5')];
  it.each([
    ['g5', 'g1', 'before', '5 1 2 [3 4]'],
    ['g1', 'g2', 'after', '2 1 [3 4] 5'],
    ['g1', 'g2', 'into', '[2 1] [3 4] 5'],
    ['g1', 'f7', 'into', '2 [3 4 1] 5'],
    ['g1', 'g4', 'before', '2 [3 1 4] 5'],
    ['g3', 'g1', 'before', '3 1 2 [4] 5'],
    ['f7', 'g1', 'before', '[3 4] 1 2 5'],
    ['f7', 'g1', 'into', '1 [3 4] 2 5'],
    ['g1', 'f7', 'after', '2 [3 4] 1 5'],
    ['g1', 'g1', 'into', '1 2 [3 4] 5'],
    ['g1', 'g99', 'into', '1 2 [3 4] 5'],
  ] as const)('%s %s %s', (from, to, where, wanted) => {
    expect(shown(dropped(start, from, to, where, 8))).toBe(wanted);
  });
  it('drops a folder that loses its last community', () => {
    expect(shown(dropped([one('1'), folder(7, '2')], 'g2', 'g1', 'before', 8))).toBe('2 1');
  });
});

it('takes a folder apart in its place', () => {
  expect(shown(takenApart([one('1'), folder(7, '2', '3'), one('4')], 7))).toBe('1 2 3 4');
});
