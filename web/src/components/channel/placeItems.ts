/** Menus of communities, categories and channels: reading, notifications, what may be changed. */
import { attempt } from '../../lib/actions';
import { channels, settings as api, users } from '../../lib/api';
import { has, isThread, Permission } from '../../lib/permissions';
import { markAllRead } from '../../lib/reading';
import { channelPath } from '../../lib/router.svelte';
import { isChannelMuted, isGuildMuted, Level, PRIVATE, settingsOf } from '../../lib/store/notify';
import {
  isPrivate,
  isUnread,
  landingChannel,
  mentionCount,
  myGuildPermissions,
  myPermissions,
} from '../../lib/store/selectors';
import { store } from '../../lib/store/store.svelte';
import { ChannelType, type Channel, type Guild } from '../../lib/types';
import { ui } from '../../lib/ui.svelte';
import type { MenuItem } from '../ui/MenuList.svelte';

const MUTES: [seconds: number, label: string][] = [
  [900, 'For 15 minutes'],
  [3600, 'For 1 hour'],
  [3 * 3600, 'For 3 hours'],
  [8 * 3600, 'For 8 hours'],
  [24 * 3600, 'For 24 hours'],
  [0, 'Until I turn it back on'],
];
const LEVELS: [level: number, label: string][] = [
  [Level.all, 'All messages'],
  [Level.mentions, 'Only mentions'],
  [Level.nothing, 'Nothing'],
];

/** Any of them opens the settings of a community. */
const SETTINGS = [
  Permission.MANAGE_GUILD,
  Permission.MANAGE_ROLES,
  Permission.MANAGE_CHANNELS,
  Permission.BAN_MEMBERS,
  Permission.VIEW_AUDIT_LOG,
];

const muteOf = (seconds: number) => ({
  muted: true,
  mute_config: {
    end_time: seconds ? new Date(Date.now() + seconds * 1000).toISOString() : null,
    selected_time_window: seconds || -1,
  },
});
const UNMUTE = { muted: false, mute_config: null };

function muteItem(label: string, muted: boolean, set: (change: object) => void): MenuItem {
  if (muted) return { label: `Unmute ${label}`, icon: 'bell', run: () => set(UNMUTE) };
  return {
    label: `Mute ${label}`,
    icon: 'mute',
    items: MUTES.map(([seconds, words]) => ({ label: words, run: () => set(muteOf(seconds)) })),
  };
}

const change = (guildId: string, body: object) => void attempt(() => api.modifyGuild(guildId, body));

export function guildItems(guild: Guild): (MenuItem | null)[] {
  const settings = settingsOf(store, guild.id);
  const set = (body: object) => change(guild.id, body);
  const level = settings?.message_notifications ?? Level.inherit;
  const shown = level === Level.inherit ? (guild.default_message_notifications ?? 0) : level;
  const all = [...store.channels.values()].filter((c) => c.guild_id === guild.id);
  const unread = all.some((c) => isUnread(store, c) || mentionCount(store, c.id));
  return [
    { label: 'Mark as read', icon: 'check', disabled: !unread, run: () => void attempt(() => markAllRead(all)) },
    null,
    muteItem('the community', isGuildMuted(store, guild.id), set),
    {
      label: 'Notifications',
      icon: 'bell',
      items: [
        ...LEVELS.map(([value, label]): MenuItem => ({
          label,
          checked: shown === value,
          run: () => set({ message_notifications: value }),
        })),
        null,
        {
          label: 'Ignore @everyone and @here',
          many: true,
          checked: settings?.suppress_everyone ?? false,
          run: () => set({ suppress_everyone: !settings?.suppress_everyone }),
        },
        {
          label: 'Ignore mentions of roles',
          many: true,
          checked: settings?.suppress_roles ?? false,
          run: () => set({ suppress_roles: !settings?.suppress_roles }),
        },
      ],
    },
    ...placeOwn(guild),
    null,
    { label: 'Copy ID', icon: 'code', run: () => void navigator.clipboard?.writeText(guild.id) },
  ];
}

/** What only those may do who may change a community, and leaving it. */
function placeOwn(guild: Guild): (MenuItem | null)[] {
  const permissions = myGuildPermissions(store, guild.id);
  const landing = landingChannel(store, guild.id);
  const invites = landing && has(myPermissions(store, landing), Permission.CREATE_INSTANT_INVITE);
  const leave = () =>
    ui.open({
      kind: 'confirm',
      title: `Leave ${guild.name}?`,
      text: 'You can come back only with a new invite.',
      action: 'Leave',
      danger: true,
      run: () => users.leaveGuild(guild.id),
    });
  const items: MenuItem[] = [
    { label: 'Your profile here', icon: 'user', run: () => ui.open({ kind: 'member-profile', guildId: guild.id }) },
    ...(invites
      ? [
          {
            label: 'Invite people',
            icon: 'people' as const,
            run: () => ui.open({ kind: 'invite', guildId: guild.id, channelId: landing.id }),
          },
        ]
      : []),
    ...(SETTINGS.some((p) => has(permissions, p))
      ? [
          {
            label: 'Community settings',
            icon: 'gear' as const,
            run: () => ui.open({ kind: 'guild-settings', guildId: guild.id }),
          },
        ]
      : []),
    ...(has(permissions, Permission.MANAGE_CHANNELS)
      ? [
          {
            label: 'Create channel',
            icon: 'plus' as const,
            run: () => ui.open({ kind: 'create-channel', guildId: guild.id, parentId: null }),
          },
        ]
      : []),
    ...(guild.owner_id === store.me?.id
      ? []
      : [{ label: 'Leave community', icon: 'door' as const, danger: true, run: leave }]),
  ];
  return items.length ? [null, ...items] : [];
}

function confirmRemove(channel: Channel, category: boolean): void {
  ui.open({
    kind: 'confirm',
    title: `Delete ${channel.name}?`,
    text: category ? 'Its channels stay, without a category.' : 'Everything written in it is deleted with it.',
    action: 'Delete',
    danger: true,
    run: () => channels.remove(channel.id),
  });
}

export function channelItems(channel: Channel): (MenuItem | null)[] {
  const guildId = channel.guild_id ?? PRIVATE;
  const category = channel.type === ChannelType.category;
  const what = category
    ? 'the category'
    : isThread(channel)
      ? 'the thread'
      : isPrivate(channel)
        ? 'the conversation'
        : 'the channel';
  const override = settingsOf(store, channel.guild_id)?.channel_overrides.find((o) => o.channel_id === channel.id);
  const level = override?.message_notifications ?? Level.inherit;
  const set = (body: object) => change(guildId, { channel_overrides: { [channel.id]: body } });
  const inside = category ? [...store.channels.values()].filter((c) => c.parent_id === channel.id) : [channel];
  const unread = inside.some((c) => isUnread(store, c) || mentionCount(store, c.id));
  const editable =
    !isPrivate(channel) &&
    has(myPermissions(store, channel), isThread(channel) ? Permission.MANAGE_THREADS : Permission.MANAGE_CHANNELS);
  return [
    { label: 'Mark as read', icon: 'check', disabled: !unread, run: () => void attempt(() => markAllRead(inside)) },
    null,
    muteItem(what, isChannelMuted(store, channel), set),
    ...(isPrivate(channel)
      ? []
      : [
          {
            label: 'Notifications',
            icon: 'bell' as const,
            items: [
              {
                label: category || channel.parent_id ? 'As above it' : 'As the community',
                checked: level === Level.inherit,
                run: () => set({ message_notifications: Level.inherit }),
              },
              ...LEVELS.map(([value, label]): MenuItem => ({
                label,
                checked: level === value,
                run: () => set({ message_notifications: value }),
              })),
            ],
          },
        ]),
    ...(editable
      ? [
          null,
          {
            label: `Edit ${what}`,
            icon: 'gear' as const,
            run: () => ui.open({ kind: 'channel-settings', channelId: channel.id }),
          },
          ...(category
            ? [
                {
                  label: 'Create channel here',
                  icon: 'plus' as const,
                  run: () => ui.open({ kind: 'create-channel', guildId, parentId: channel.id }),
                },
              ]
            : []),
          {
            label: `Delete ${what}`,
            icon: 'trash' as const,
            danger: true,
            run: () => confirmRemove(channel, category),
          },
        ]
      : []),
    ...(channel.type === ChannelType.groupDm
      ? [
          null,
          {
            label: 'Edit the group',
            icon: 'people' as const,
            run: () => ui.open({ kind: 'group', channelId: channel.id }),
          },
        ]
      : []),
    null,
    ...(category
      ? []
      : [
          {
            label: 'Copy link',
            icon: 'link' as const,
            run: () => void navigator.clipboard?.writeText(location.origin + channelPath(channel.guild_id, channel.id)),
          },
        ]),
    { label: 'Copy ID', icon: 'code', run: () => void navigator.clipboard?.writeText(channel.id) },
  ];
}
