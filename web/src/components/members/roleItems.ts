/** What can be done with a role: one list for the settings, profiles, messages and the member list. */
import { guilds } from '../../lib/api';
import { has, Permission } from '../../lib/permissions';
import { highestRole, myGuildPermissions } from '../../lib/store/selectors';
import { store } from '../../lib/store/store.svelte';
import type { Guild, Role } from '../../lib/types';
import { ui } from '../../lib/ui.svelte';
import type { MenuItem } from '../ui/MenuList.svelte';

const copy = (text: string) => void navigator.clipboard?.writeText(text);

/** Whether the own user may change a role: those below their own highest one. */
export function mayChange(guild: Guild, role: Role): boolean {
  const me = store.me?.id ?? '';
  if (!has(myGuildPermissions(store, guild.id), Permission.MANAGE_ROLES)) return false;
  return guild.owner_id === me || role.position < highestRole(guild, store.member(guild.id, me));
}

export function roleMenu(guild: Guild, role: Role): (MenuItem | null)[] {
  const everyone = role.id === guild.id;
  const changeable = mayChange(guild, role);
  const remove = () =>
    ui.open({
      kind: 'confirm',
      title: `Delete ${role.name}?`,
      text: 'Members who have it lose it.',
      action: 'Delete',
      danger: true,
      run: () => guilds.deleteRole(guild.id, role.id),
    });
  const edit = () => ui.open({ kind: 'guild-settings', guildId: guild.id, tab: 'roles', roleId: role.id });
  const open = ui.dialogs.some((d) => d.kind === 'guild-settings');
  return [
    ...(changeable && !open ? [{ label: 'Edit the role', icon: 'gear' as const, run: edit }] : []),
    ...(everyone ? [] : [{ label: 'Copy its mention', icon: 'at' as const, run: () => copy(`<@&${role.id}>`) }]),
    { label: 'Copy ID', icon: 'code', run: () => copy(role.id) },
    ...(changeable && !everyone && !role.managed
      ? [null, { label: 'Delete the role', icon: 'trash' as const, danger: true, run: remove }]
      : []),
  ];
}
