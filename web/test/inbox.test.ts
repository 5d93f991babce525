import { describe, expect, it } from 'vitest';
import { outOfSight } from '../src/components/shell/outOfSight';
import { waitingChannels } from '../src/lib/inbox';
import { reduce } from '../src/lib/store/reducers';
import { Store } from '../src/lib/store/store.svelte';
import { moved, neighbour } from '../src/lib/order';

const box = (top: number) => ({ top, bottom: top + 30 });

describe('what is out of sight', () => {
  it('counts what is above and below, but not what is in sight or folded away', () => {
    expect(outOfSight([box(-60), box(-20), box(40), box(190), box(300), { top: 0, bottom: 0 }], 0, 200)).toEqual({
      above: 1,
      below: 1,
    });
  });
});

describe('the next channel', () => {
  it('goes round the ends', () => {
    expect(neighbour(['a', 'b', 'c'], 2, 1)).toBe('a');
    expect(neighbour(['a', 'b', 'c'], 0, -1)).toBe('c');
  });
  it('begins at an end when none is open', () => {
    expect(neighbour(['a', 'b'], -1, 1)).toBe('a');
    expect(neighbour(['a', 'b'], -1, -1)).toBe('b');
    expect(neighbour([], -1, 1)).toBeUndefined();
  });
});

describe('a list in a new order', () => {
  it('moves an entry up or down', () => {
    expect(moved(['a', 'b', 'c', 'd'], 3, 1)).toEqual(['a', 'd', 'b', 'c']);
    expect(moved(['a', 'b', 'c', 'd'], 0, 2)).toEqual(['b', 'c', 'a', 'd']);
  });
});

describe('the inbox', () => {
  function world() {
    const store = new Store();
    const channel = (id: string, last: string) => ({ id, type: 1, recipient_ids: ['9'], last_message_id: last });
    reduce(store, 'READY', {
      user: { id: '1', username: 'ada' },
      guilds: [],
      private_channels: [channel('100', '500'), channel('200', '600'), channel('300', '700')],
      read_state: [
        { id: '100', last_message_id: '400', mention_count: 2 },
        { id: '200', last_message_id: '550', mention_count: 0 },
        { id: '300', last_message_id: '700', mention_count: 0 },
      ],
    });
    return store;
  }
  it('holds what is unread, and what calls first', () => {
    expect(waitingChannels(world(), false).map((w) => [w.channel.id, w.mentions])).toEqual([
      ['100', 2],
      ['200', 0],
    ]);
  });
  it('holds only what calls, when asked', () => {
    expect(waitingChannels(world(), true).map((w) => w.channel.id)).toEqual(['100']);
  });
});
