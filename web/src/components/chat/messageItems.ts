/** What can be done with a message: one list for its toolbar, its context menu and its keys. */
import { attempt, confirmDelete, togglePin, toggleReaction } from '../../lib/actions';
import { channels } from '../../lib/api';
import { commandItems } from '../../lib/commands.svelte';
import { plainOf } from '../../lib/notice';
import { has, isThread, Permission } from '../../lib/permissions';
import { markUnread } from '../../lib/reading';
import { channelPath } from '../../lib/router.svelte';
import { store } from '../../lib/store/store.svelte';
import { ChannelType, isEphemeral, MessageFlag, type Channel, type Guild, type Message } from '../../lib/types';
import { ui } from '../../lib/ui.svelte';
import { personItems } from '../members/personItems';
import type { MenuItem } from '../ui/MenuList.svelte';
import type { ChatState } from './chat.svelte';
import { isTalk } from './rows';

export interface MessageContext {
  message: Message;
  channel: Channel;
  guild: Guild | undefined;
  chat: ChatState;
  permissions: bigint;
}

export interface MessageRights {
  own: boolean;
  reply: boolean;
  react: boolean;
  edit: boolean;
  remove: boolean;
  forward: boolean;
  bulk: boolean;
  pin: boolean;
  thread: boolean;
  publish: boolean;
}

/** What the own user may do with a message. Of one that only they see there is nothing at the server. */
export function rightsOf({ message, channel, guild, permissions }: MessageContext): MessageRights {
  const may = (p: bigint) => has(permissions, p);
  const own = message.author.id === store.me?.id;
  const real = !isEphemeral(message) && !message.local;
  const talk = isTalk(message);
  const thread = store.channels.get(message.id) ?? message.thread;
  return {
    own,
    reply: real && talk && may(isThread(channel) ? Permission.SEND_MESSAGES_IN_THREADS : Permission.SEND_MESSAGES),
    react: real && may(Permission.ADD_REACTIONS),
    edit: real && own && talk && !message.message_snapshots?.length && !message.poll,
    remove: real && (own || may(Permission.MANAGE_MESSAGES)),
    forward: real && talk && !message.poll && !message.message_snapshots?.length,
    bulk: real && !!guild && may(Permission.MANAGE_MESSAGES),
    pin: real && (!guild || may(Permission.PIN_MESSAGES) || may(Permission.MANAGE_MESSAGES)),
    thread: real && !!guild && !isThread(channel) && !thread && may(Permission.CREATE_PUBLIC_THREADS),
    publish:
      real &&
      channel.type === ChannelType.announcement &&
      !((message.flags ?? 0) & MessageFlag.crossposted) &&
      (own ? may(Permission.SEND_MESSAGES) : may(Permission.MANAGE_MESSAGES)),
  };
}

const copy = (text: string) => void navigator.clipboard?.writeText(text);

/** The whole menu; `direct` adds what the toolbar has buttons for. */
export function messageItems(
  context: MessageContext,
  direct: boolean,
  anchor: HTMLElement | null,
): (MenuItem | null)[] {
  const { message, channel, guild, chat } = context;
  const can = rightsOf(context);
  if (isEphemeral(message))
    return [{ label: 'Dismiss', icon: 'close', run: () => store.knownLog(channel.id)?.remove(new Set([message.id])) }];
  if (message.local) return [];
  const apps = commandItems(channel, 3, message.id);
  return [
    ...(direct && can.react && anchor
      ? [
          {
            label: 'Add reaction',
            icon: 'smile' as const,
            run: () => chat.openPicker(anchor, (emoji) => toggleReaction(message, emoji)),
          },
        ]
      : []),
    ...(direct && can.reply ? [{ label: 'Reply', icon: 'reply' as const, run: () => chat.startReply(message) }] : []),
    ...(direct && can.edit ? [{ label: 'Edit', icon: 'pencil' as const, run: () => chat.startEdit(message.id) }] : []),
    ...(can.thread
      ? [
          {
            label: 'Start a thread',
            icon: 'thread' as const,
            run: () => ui.open({ kind: 'thread', channelId: channel.id, message }),
          },
        ]
      : []),
    ...(can.publish
      ? [
          {
            label: 'Publish',
            icon: 'megaphone' as const,
            run: () =>
              void attempt(() => channels.crosspost(channel.id, message.id), 'Published to the channels that follow'),
          },
        ]
      : []),
    ...(can.pin
      ? [{ label: message.pinned ? 'Unpin' : 'Pin', icon: 'pin' as const, run: () => void togglePin(message) }]
      : []),
    ...(can.forward
      ? [{ label: 'Forward', icon: 'forward' as const, run: () => ui.open({ kind: 'forward', message }) }]
      : []),
    { label: 'Mark unread from here', icon: 'eye', run: () => void keepUnread(chat, message) },
    ...(message.content
      ? [{ label: 'Copy text', icon: 'copy' as const, run: () => copy(plainOf(message.content, guild?.id)) }]
      : []),
    {
      label: 'Copy link',
      icon: 'link',
      run: () => copy(location.origin + channelPath(guild?.id, channel.id, message.id)),
    },
    { label: 'Copy ID', icon: 'code', run: () => copy(message.id) },
    ...(message.webhook_id || !direct
      ? []
      : [
          {
            label: 'Author',
            icon: 'user' as const,
            items: personItems(store.users.get(message.author.id) ?? message.author, guild, channel),
          },
        ]),
    ...(apps.length ? [{ label: 'Apps', icon: 'bot' as const, items: apps }] : []),
    ...(can.bulk
      ? [{ label: 'Select messages', icon: 'check' as const, run: () => (chat.selected = new Set([message.id])) }]
      : []),
    ...(can.remove
      ? [null, { label: 'Delete', icon: 'trash' as const, danger: true, run: () => confirmDelete(message) }]
      : []),
  ];
}

async function keepUnread(chat: ChatState, message: Message): Promise<void> {
  chat.keepUnread = true;
  await attempt(() => markUnread(message.channel_id, message.id));
  chat.readUpTo = store.readStates.get(message.channel_id)?.last_message_id ?? null;
}
