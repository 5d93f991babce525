import { describe, expect, it } from 'vitest';
import { readSearch } from '../src/lib/search';
import { idAt } from '../src/lib/snowflake';
import { Store } from '../src/lib/store/store.svelte';
import type { Channel, User } from '../src/lib/types';

function world() {
  const store = new Store();
  store.users.set('5', { id: '5', username: 'ada', global_name: 'Ada L', discriminator: '0', avatar: null } as User);
  store.channels.set('7', { id: '7', type: 0, name: 'general', guild_id: '1' } as Channel);
  store.channels.set('8', { id: '8', type: 0, name: 'general', guild_id: '2' } as Channel);
  return store;
}

describe('what is typed to search', () => {
  it('is words and filters in any order', () => {
    const { query, problem } = readSearch(world(), 'red  from:ada "big fox" has:-link in:#general', '1');
    expect(problem).toBeUndefined();
    expect(query).toEqual({ content: 'red "big fox"', author_id: ['5'], has: ['-link'], channel_id: ['7'] });
  });
  it('finds people by the names that are shown, also with spaces', () => {
    expect(readSearch(world(), 'from:"Ada L" mentions:5', undefined).problem).toContain('5');
    expect(readSearch(world(), 'from:"Ada L"', undefined).query).toEqual({ author_id: ['5'] });
  });
  it('takes days from midnight to midnight', () => {
    const day = new Date(2026, 0, 31).getTime();
    expect(readSearch(world(), 'on:2026-01-31', '1').query).toEqual({
      min_id: idAt(day),
      max_id: idAt(day + 86_400_000),
    });
    expect(readSearch(world(), 'before:2026-02-30', '1').problem).toContain('not a day');
    expect(readSearch(world(), 'after:soon', '1').problem).toContain('not a day');
  });
  it('says what it does not know, and leaves alone what is no filter', () => {
    expect(readSearch(world(), 'from:nobody', '1').problem).toContain('nobody');
    expect(readSearch(world(), 'has:wings', '1').problem).toContain('image');
    expect(readSearch(world(), 'see https://a.example', '1').query).toEqual({ content: 'see https://a.example' });
    expect(readSearch(world(), 'from:', '1').query).toEqual({});
  });
});
