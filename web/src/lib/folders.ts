/**
 * The order of communities in the rail, and the folders they lie in, as the settings of an account keep them: a list of folders,
 * of which those without an id are communities that lie by themselves (userdoccers, "Guild Folder Object").
 */
import type { Drop } from '../components/ui/reorder.svelte';
import type { GuildFolder } from './gateway/payloads';
import type { Id } from './types';

export type { GuildFolder } from './gateway/payloads';

const alone = (id: Id): GuildFolder => ({ id: null, name: null, color: null, guild_ids: [id] });

/** What stands for a community or a folder while it is moved. */
export const guildKey = (id: Id): string => `g${id}`;
export const folderKey = (folder: GuildFolder): string =>
  folder.id === null ? `g${folder.guild_ids[0]}` : `f${folder.id}`;

/** The folders as they can be shown: each community that is known is there once, and no folder is empty. */
export function arranged(folders: readonly GuildFolder[], known: readonly Id[]): GuildFolder[] {
  const left = new Set(known);
  const out: GuildFolder[] = [];
  for (const folder of folders) {
    const ids = folder.guild_ids.filter((id) => left.delete(id));
    if (!ids.length) continue;
    // A list without an id is no folder, however many are in it.
    if (folder.id === null) out.push(...ids.map(alone));
    else out.push({ ...folder, guild_ids: ids });
  }
  return [...out, ...[...left].map(alone)];
}

const holds = (folder: GuildFolder, key: string) => folder.guild_ids.some((id) => guildKey(id) === key);

/** Takes out what is moved. What a folder loses its last community to is gone. */
function without(folders: readonly GuildFolder[], key: string): GuildFolder[] {
  return folders
    .filter((f) => folderKey(f) !== key)
    .map((f) => ({ ...f, guild_ids: f.guild_ids.filter((id) => guildKey(id) !== key) }))
    .filter((f) => f.guild_ids.length > 0);
}

/** The folders after a community or a folder was let go on another; `newId` numbers a folder that comes of it. */
export function dropped(
  folders: readonly GuildFolder[],
  from: string,
  to: string,
  where: Drop,
  newId = Math.ceil(Math.random() * 2 ** 31),
): GuildFolder[] {
  const moving =
    folders.find((f) => folderKey(f) === from) ?? (from.startsWith('g') ? alone(from.slice(1)) : undefined);
  if (!moving || from === to) return [...folders];
  const rest = without(folders, from);
  const at = rest.findIndex((f) => folderKey(f) === to || holds(f, to));
  const target = rest[at];
  if (!target) return [...folders];
  const inside = target.id !== null && holds(target, to);
  const guildId = moving.id === null ? moving.guild_ids[0] : undefined;
  if (guildId && (inside || where === 'into')) {
    const ids = target.guild_ids;
    const place = inside ? ids.findIndex((id) => guildKey(id) === to) + (where === 'before' ? 0 : 1) : ids.length;
    const folder = { ...target, id: target.id ?? newId, guild_ids: ids.toSpliced(place, 0, guildId) };
    return rest.with(at, folder);
  }
  // Folders do not lie in folders: what is let go on one, or in one, goes beside it.
  return rest.toSpliced(where === 'before' ? at : at + 1, 0, moving);
}

/** The folders with one of them taken apart: what lay in it lies by itself, in its place. */
export function takenApart(folders: readonly GuildFolder[], folderId: number): GuildFolder[] {
  return folders.flatMap((f) => (f.id === folderId ? f.guild_ids.map(alone) : [f]));
}
