import { describe, expect, it } from 'vitest';
import { reduce } from '../src/lib/store/reducers';
import { Store } from '../src/lib/store/store.svelte';
import { formatLength } from '../src/lib/time';

const state = (user_id: string, channel_id: string | null) => ({ user_id, channel_id, guild_id: null });

function world() {
  const store = new Store();
  for (const id of ['5', '6']) reduce(store, 'CHANNEL_CREATE', { id, type: 1, recipients: [] });
  const inside = (channel: string) => [...(store.voiceStates.get(channel)?.keys() ?? [])];
  return { store, inside };
}

describe('calls', () => {
  it('have people who come and go, and are gone at their end', () => {
    const { store, inside } = world();
    reduce(store, 'CALL_CREATE', { channel_id: '5', message_id: '9', ringing: ['2'], voice_states: [state('1', '5')] });
    reduce(store, 'VOICE_STATE_UPDATE', state('2', '5'));
    expect(inside('5')).toEqual(['1', '2']);
    reduce(store, 'CALL_UPDATE', { channel_id: '5', message_id: '9', ringing: [] });
    expect(store.calls.get('5')?.ringing).toEqual([]);
    expect(inside('5')).toEqual(['1', '2']);
    reduce(store, 'VOICE_STATE_UPDATE', state('1', null));
    expect(inside('5')).toEqual(['2']);
    reduce(store, 'CALL_DELETE', { channel_id: '5' });
    expect(store.calls.size).toBe(0);
    expect(inside('5')).toEqual([]);
  });

  it('know a person in one of them, and leave communities alone', () => {
    const { store, inside } = world();
    store.setVoiceState('1', { user_id: '2', channel_id: '20', guild_id: '1' });
    reduce(store, 'VOICE_STATE_UPDATE', state('2', '5'));
    reduce(store, 'VOICE_STATE_UPDATE', state('2', '6'));
    expect([inside('5'), inside('6'), inside('1')]).toEqual([[], ['2'], ['2']]);
  });

  it('are as long as they were', () => {
    expect(formatLength(20_000)).toBe('less than a minute');
    expect(formatLength(61_000)).toBe('1 minute');
    expect(formatLength(3_600_000)).toBe('1 hour');
    expect(formatLength(2 * 3_600_000 + 5 * 60_000)).toBe('2 hours and 5 minutes');
  });
});
