/**
 * Which channels of a community somebody has in their list: all, or those they have chosen. The choice is kept with the settings of
 * notifications (userdoccers, "User Guild Settings Flags" and "Channel Override Flags").
 */
import type { Id } from '../types';
import type { GuildSettings } from './notify';

/** Of a community: only channels that were chosen are in the list. */
const ONLY_CHOSEN = 1 << 14;
/** Of a channel: it was chosen. */
const CHOSEN = 1 << 12;

/** Whether somebody has chosen among the channels of a community at all. */
export const chooses = (settings: GuildSettings | undefined): boolean => ((settings?.flags ?? 0) & ONLY_CHOSEN) !== 0;

export function isChosen(settings: GuildSettings | undefined, channelId: Id): boolean {
  return ((settings?.channel_overrides.find((o) => o.channel_id === channelId)?.flags ?? 0) & CHOSEN) !== 0;
}

export function chosenChannels(settings: GuildSettings | undefined): Set<Id> {
  const overrides = settings?.channel_overrides ?? [];
  return new Set(overrides.filter((o) => ((o.flags ?? 0) & CHOSEN) !== 0).map((o) => o.channel_id));
}

/** The change of a community's settings that makes a choice the only one; with null every channel is in the list again. */
export function choiceOf(settings: GuildSettings | undefined, wanted: ReadonlySet<Id> | null): Record<string, unknown> {
  const flags = settings?.flags ?? 0;
  if (!wanted) return { flags: flags & ~ONLY_CHOSEN };
  const before = new Map((settings?.channel_overrides ?? []).map((o) => [o.channel_id, o.flags ?? 0]));
  const overrides: Record<Id, { flags: number }> = {};
  for (const id of new Set([...before.keys(), ...wanted])) {
    const old = before.get(id) ?? 0;
    const next = wanted.has(id) ? old | CHOSEN : old & ~CHOSEN;
    if (next !== old) overrides[id] = { flags: next };
  }
  return { flags: flags | ONLY_CHOSEN, channel_overrides: overrides };
}
