/** What was begun in each channel and not sent, kept on this device. */
import { readStorage, writeStorage } from './prefs.svelte';
import type { Id } from './types';

const KEY = 'consort:drafts';
/** The oldest drafts are given up beyond this. */
const DRAFTS_MAX = 100;
const SAVE_AFTER_MS = 400;

let drafts: Map<Id, string> | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

function load(): Map<Id, string> {
  return (drafts ??= new Map(readStorage<[Id, string][]>(KEY) ?? []));
}

export function readDraft(channelId: Id): string {
  return load().get(channelId) ?? '';
}

export function writeDraft(channelId: Id, text: string): void {
  const map = load();
  map.delete(channelId);
  if (text.trim()) map.set(channelId, text);
  if (map.size > DRAFTS_MAX) map.delete(map.keys().next().value!);
  clearTimeout(timer);
  timer = setTimeout(saveDrafts, SAVE_AFTER_MS);
}

export function saveDrafts(): void {
  clearTimeout(timer);
  if (drafts) writeStorage(KEY, drafts.size ? [...drafts] : null);
}

export function clearDrafts(): void {
  drafts = new Map();
  saveDrafts();
}
