import type { CallChange, VoiceState } from '../../gateway/payloads';
import type { Store } from '../store.svelte';
import type { Reducers } from './index';

function put(store: Store, d: CallChange): void {
  store.calls.set(d.channel_id, { ringing: d.ringing ?? [] });
}

/** A person is in one call at most, and a state without a channel does not say which was left. */
export function moveInCalls(store: Store, d: VoiceState): void {
  for (const [key, states] of store.voiceStates)
    if (key !== d.channel_id && store.channels.has(key) && states.has(d.user_id))
      store.setVoiceState(key, { ...d, channel_id: null });
  if (d.channel_id) store.setVoiceState(d.channel_id, d);
}

export const callReducers: Reducers = {
  CALL_CREATE(store, d) {
    put(store, d);
    store.voiceStates.delete(d.channel_id);
    for (const v of d.voice_states ?? []) store.setVoiceState(d.channel_id, { ...v, channel_id: d.channel_id });
  },
  CALL_UPDATE: put,
  CALL_DELETE(store, d) {
    store.calls.delete(d.channel_id);
    store.voiceStates.delete(d.channel_id);
  },
};
