/** What can be done with the order of the rail: by dragging, and by menus for those who do not drag. */
import { attempt } from '../../lib/actions';
import { settings } from '../../lib/api';
import { arranged, dropped, folderKey, guildKey, takenApart, type GuildFolder } from '../../lib/folders';
import { markAllRead } from '../../lib/reading';
import { store } from '../../lib/store/store.svelte';
import type { Guild, Id } from '../../lib/types';
import { ui } from '../../lib/ui.svelte';
import { guildItems } from '../channel/placeItems';
import type { MenuItem } from '../ui/MenuList.svelte';
import type { Drop } from '../ui/reorder.svelte';

/** The rail as it is shown. */
export const railFolders = (): GuildFolder[] =>
  arranged(
    store.folders,
    store.guildOrder.filter((id) => store.guilds.has(id)),
  );

/** Shows an order at once, and tells the server. */
export async function arrange(next: GuildFolder[]): Promise<void> {
  const before = store.folders;
  store.folders = next;
  if (!(await attempt(() => settings.modify({ guild_folders: next })))) store.folders = before;
}

export const drop = (from: string, to: string, where: Drop) => void arrange(dropped(railFolders(), from, to, where));

export const nameOfFolder = (folder: GuildFolder): string =>
  folder.name || folder.guild_ids.flatMap((id) => store.guilds.get(id)?.name ?? []).join(', ');

/** Moving an entry of the rail by one, among those beside it. */
function moveItems(key: string, beside: string[]): MenuItem[] {
  const at = beside.indexOf(key);
  return [
    { label: 'Move up', icon: 'up', disabled: at <= 0, run: () => drop(key, beside[at - 1]!, 'before') },
    {
      label: 'Move down',
      icon: 'down',
      disabled: at === beside.length - 1,
      run: () => drop(key, beside[at + 1]!, 'after'),
    },
  ];
}

function placeItems(guildId: Id): MenuItem[] {
  const folders = railFolders();
  const key = guildKey(guildId);
  const own = folders.find((f) => f.id !== null && f.guild_ids.includes(guildId));
  const others = folders.filter((f) => f !== own && folderKey(f) !== key);
  const into = others.map((f): MenuItem => {
    const label = f.id === null ? `With ${nameOfFolder(f)}` : nameOfFolder(f);
    return { label, run: () => drop(key, folderKey(f), 'into') };
  });
  return [
    ...moveItems(key, own ? own.guild_ids.map(guildKey) : folders.map(folderKey)),
    ...(into.length ? [{ label: 'Put in a folder', icon: 'list' as const, items: into }] : []),
    ...(own
      ? [{ label: 'Take out of the folder', icon: 'left' as const, run: () => drop(key, folderKey(own), 'after') }]
      : []),
  ];
}

/** The menu of a community in the rail. */
export function railGuildItems(guild: Guild): (MenuItem | null)[] {
  return [...guildItems(guild), null, { label: 'Place in the rail', icon: 'sliders', items: placeItems(guild.id) }];
}

/** The menu of a folder. */
export function folderItems(folder: GuildFolder & { id: number }): (MenuItem | null)[] {
  const inside = [...store.channels.values()].filter((c) => c.guild_id && folder.guild_ids.includes(c.guild_id));
  return [
    { label: 'Mark as read', icon: 'check', run: () => void attempt(() => markAllRead(inside)) },
    null,
    { label: 'Name and colour', icon: 'pencil', run: () => ui.open({ kind: 'folder', folderId: folder.id }) },
    ...moveItems(folderKey(folder), railFolders().map(folderKey)),
    { label: 'Take the folder apart', icon: 'close', run: () => void arrange(takenApart(railFolders(), folder.id)) },
  ];
}
