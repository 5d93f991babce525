import { describe, expect, it } from 'vitest';
import { attendants, partOf } from '../src/lib/store/stage';
import { reduce } from '../src/lib/store/reducers';
import { Store } from '../src/lib/store/store.svelte';
import { playable } from '../src/lib/voice/sounds.svelte';

const asked = '2026-01-01T10:00:00Z';

describe('stages', () => {
  it('tell speakers, those invited, those who ask and the audience apart', () => {
    expect(partOf({ suppress: false, request_to_speak_timestamp: null })).toBe('speaker');
    expect(partOf({ suppress: false, request_to_speak_timestamp: asked })).toBe('invited');
    expect(partOf({ suppress: true, request_to_speak_timestamp: asked })).toBe('asking');
    expect(partOf({ suppress: true })).toBe('audience');
  });

  it('list who asks in the order of asking, before the others', () => {
    const store = new Store();
    const channel = { id: '20', type: 13, guild_id: '1' };
    const states = [
      ['anna', null],
      ['ben', '2026-01-01T10:00:05Z'],
      ['carl', asked],
    ] as const;
    for (const [username, at] of states) {
      store.addUser({ id: username, username });
      const state = { user_id: username, channel_id: '20', suppress: true, request_to_speak_timestamp: at };
      store.setVoiceState('1', state);
    }
    store.setVoiceState('1', { user_id: 'dora', channel_id: '21' });
    expect(attendants(store, channel).map((a) => a.name)).toEqual(['carl', 'ben', 'anna']);
  });

  it('are known from the community on, until they end', () => {
    const store = new Store();
    const stage = { id: '5', guild_id: '1', channel_id: '20', topic: 'Talk' };
    reduce(store, 'GUILD_CREATE', { id: '1', name: 'G', stage_instances: [stage] });
    expect(store.stages.get('20')?.topic).toBe('Talk');
    reduce(store, 'STAGE_INSTANCE_UPDATE', { ...stage, topic: 'Questions' });
    expect(store.stages.get('20')?.topic).toBe('Questions');
    reduce(store, 'STAGE_INSTANCE_DELETE', stage);
    expect(store.stages.has('20')).toBe(false);
    reduce(store, 'STAGE_INSTANCE_CREATE', stage);
    reduce(store, 'GUILD_CREATE', { id: '1', name: 'G', stage_instances: [] });
    expect(store.stages.has('20')).toBe(false);
  });
});

describe('the soundboard', () => {
  it('follows what is added, changed and deleted', () => {
    const store = new Store();
    const sound = { sound_id: '7', guild_id: '1', name: 'Gong', volume: 1 };
    reduce(store, 'GUILD_CREATE', { id: '1', name: 'G', soundboard_sounds: [sound] });
    reduce(store, 'GUILD_SOUNDBOARD_SOUND_CREATE', { ...sound, sound_id: '8', name: 'Bell' });
    reduce(store, 'GUILD_SOUNDBOARD_SOUND_UPDATE', { ...sound, name: 'Large gong' });
    const names = () => store.guilds.get('1')?.sounds?.map((s) => s.name);
    expect(names()).toEqual(['Bell', 'Large gong']);
    const changed = { guild_id: '1', soundboard_sounds: [{ ...sound, name: 'Small gong' }] };
    reduce(store, 'GUILD_SOUNDBOARD_SOUNDS_UPDATE', changed);
    reduce(store, 'GUILD_SOUNDBOARD_SOUND_DELETE', { guild_id: '1', sound_id: '8' });
    expect(names()).toEqual(['Small gong']);
  });

  it('offers what may be played in a channel, its own community first', () => {
    const store = new Store();
    const me = { id: '9', username: 'me' };
    store.me = me;
    for (const [id, name] of [
      ['2', 'Gong'],
      ['1', 'Bell'],
    ] as const) {
      const sounds = [
        { sound_id: `${id}1`, guild_id: id, name, volume: 1 },
        { sound_id: `${id}2`, guild_id: id, name: 'gone', volume: 1, available: false },
      ];
      reduce(store, 'GUILD_CREATE', { id, name: id, owner_id: '9', soundboard_sounds: sounds });
    }
    const channel = { id: '20', type: 2, guild_id: '1' };
    const found = (query?: string) => playable(store, channel, query).map((g) => g.sounds.map((s) => s.name));
    expect(found()).toEqual([['Bell'], ['Gong']]);
    expect(found('GON')).toEqual([['Gong']]);
    reduce(store, 'GUILD_UPDATE', { id: '1', owner_id: '8' });
    expect(found()).toEqual([]);
  });
});
