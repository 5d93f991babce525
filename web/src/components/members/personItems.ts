/** What can be done with somebody: one list for the member list, messages and profiles. */
import { attempt, openDm } from '../../lib/actions';
import { guilds, users } from '../../lib/api';
import { commandItems } from '../../lib/commands.svelte';
import { has, Permission } from '../../lib/permissions';
import { displayName, highestRole, myGuildPermissions, outranks } from '../../lib/store/selectors';
import { stageItems } from '../../lib/stage';
import { store } from '../../lib/store/store.svelte';
import type { Channel, Guild, Id, Member, User } from '../../lib/types';
import { ui } from '../../lib/ui.svelte';
import type { MenuItem } from '../ui/MenuList.svelte';

const TIMEOUTS: [minutes: number, label: string][] = [
  [1, '1 minute'],
  [5, '5 minutes'],
  [10, '10 minutes'],
  [60, '1 hour'],
  [24 * 60, '1 day'],
  [7 * 24 * 60, '1 week'],
];

const setTimeoutOf = (guildId: Id, userId: Id, minutes: number) =>
  void attempt(
    () =>
      guilds.modifyMember(guildId, userId, {
        communication_disabled_until: minutes ? new Date(Date.now() + minutes * 60_000).toISOString() : null,
      }),
    minutes ? 'Timed out' : 'Time-out ended',
  );

/** Roles that the own user may give: those below their own highest one. */
export function assignableRoles(guild: Guild) {
  const me = store.me?.id ?? '';
  const top = guild.owner_id === me ? Infinity : highestRole(guild, store.member(guild.id, me));
  return guild.roles
    .filter((r) => r.id !== guild.id && !r.managed && r.position < top)
    .sort((a, b) => b.position - a.position);
}

function roleItems(guild: Guild, userId: Id): MenuItem[] {
  const held = () => store.member(guild.id, userId)?.roles ?? [];
  const toggle = (roleId: Id) =>
    void attempt(() =>
      held().includes(roleId) ? guilds.removeRole(guild.id, userId, roleId) : guilds.addRole(guild.id, userId, roleId),
    );
  return assignableRoles(guild).map((r) => ({
    label: r.name,
    many: true,
    checked: held().includes(r.id),
    run: () => toggle(r.id),
  }));
}

/** What the own user may do to a member, by their rights and place. */
export function moderationItems(guild: Guild, userId: Id, member: Member | undefined): (MenuItem | null)[] {
  if (!member) return [];
  const permissions = myGuildPermissions(store, guild.id);
  const may = (p: bigint) => has(permissions, p);
  const self = userId === store.me?.id;
  const below = outranks(store, guild, userId);
  const roles = may(Permission.MANAGE_ROLES) ? roleItems(guild, userId) : [];
  const timed = !!member.communication_disabled_until && Date.parse(member.communication_disabled_until) > Date.now();
  const open = (action: 'nickname' | 'kick' | 'ban' | 'timeout') =>
    ui.open({ kind: 'moderate', action, guildId: guild.id, userId });
  return [
    ...((self ? may(Permission.CHANGE_NICKNAME) : below && may(Permission.MANAGE_NICKNAMES))
      ? [{ label: 'Change nickname', icon: 'pencil' as const, run: () => open('nickname') }]
      : []),
    ...(roles.length ? [{ label: 'Roles', icon: 'shield' as const, items: roles }] : []),
    ...(below && may(Permission.MODERATE_MEMBERS)
      ? timed
        ? [{ label: 'End time-out', icon: 'clock' as const, run: () => setTimeoutOf(guild.id, userId, 0) }]
        : [
            {
              label: 'Time out',
              icon: 'clock' as const,
              items: [
                ...TIMEOUTS.map(([minutes, label]) => ({
                  label,
                  run: () => setTimeoutOf(guild.id, userId, minutes),
                })),
                { label: 'Another time…', run: () => open('timeout') },
              ],
            },
          ]
      : []),
    ...(below && may(Permission.KICK_MEMBERS)
      ? [{ label: 'Kick', icon: 'door' as const, danger: true, run: () => open('kick') }]
      : []),
    ...(below && may(Permission.BAN_MEMBERS)
      ? [{ label: 'Ban', icon: 'ban' as const, danger: true, run: () => open('ban') }]
      : []),
  ];
}

function ignore(user: User): void {
  void attempt(() => users.ignore(user.id), 'Ignored. They are not told, and can still write to you.');
}

function relationItems(user: User): MenuItem[] {
  if (user.id === store.me?.id) return [];
  const relation = store.relationships.get(user.id)?.type;
  const name = displayName(store, user.id, undefined, user);
  const unfriend = () =>
    ui.open({
      kind: 'confirm',
      title: `Remove ${name} from your friends?`,
      text: 'To be friends again, one of you has to ask.',
      action: 'Remove',
      danger: true,
      run: () => users.removeRelationship(user.id),
    });
  return [
    ...(relation === undefined && !user.bot
      ? [
          {
            label: 'Add friend',
            icon: 'plus' as const,
            run: () => void attempt(() => users.requestFriend(user.username), 'Friend request sent'),
          },
        ]
      : []),
    ...(relation === 3
      ? [
          {
            label: 'Accept request',
            icon: 'check' as const,
            run: () => void attempt(() => users.setRelationship(user.id), 'You are now friends'),
          },
        ]
      : []),
    ...(relation === 1 ? [{ label: 'Remove friend', icon: 'user' as const, danger: true, run: unfriend }] : []),
    ...(relation === 2
      ? []
      : [
          store.ignored.has(user.id)
            ? {
                label: 'Stop ignoring',
                icon: 'eye' as const,
                run: () => void attempt(() => users.stopIgnoring(user.id)),
              }
            : { label: 'Ignore', icon: 'mute' as const, run: () => ignore(user) },
        ]),
    relation === 2
      ? { label: 'Unblock', icon: 'ban', run: () => void attempt(() => users.removeRelationship(user.id)) }
      : {
          label: 'Block',
          icon: 'ban',
          danger: true,
          run: () => void attempt(() => users.setRelationship(user.id, 2), 'Blocked'),
        },
  ];
}

/** The whole menu of a person. */
export function personItems(
  user: User,
  guild: Guild | undefined,
  channel: Channel | undefined,
  member = store.member(guild?.id, user.id),
): (MenuItem | null)[] {
  const apps = channel ? commandItems(channel, 2, user.id) : [];
  const moderation = guild ? moderationItems(guild, user.id, member) : [];
  const relations = relationItems(user);
  return [
    ...(user.id === store.me?.id ? [] : [{ label: 'Message', icon: 'mail' as const, run: () => void openDm(user.id) }]),
    ...stageItems(store, channel, user.id),
    ...(apps.length ? [{ label: 'Apps', icon: 'bot' as const, items: apps }] : []),
    ...(moderation.length ? [null, ...moderation] : []),
    ...(relations.length ? [null, ...relations] : []),
    null,
    { label: 'Copy ID', icon: 'code', run: () => void navigator.clipboard?.writeText(user.id) },
  ];
}
