/** Calls the person outside the page: notifications of the desktop, a sound, a mark on the page's icon. */
import { chime } from './chime';
import { avatarUrl } from './cdn';
import { previewOf } from './notice';
import { prefs } from './prefs.svelte';
import { router } from './router.svelte';
import { session } from './session.svelte';
import { notifies } from './store/notify';
import { normalizeMessage } from './store/reducers/message';
import { channelName, displayName } from './store/selectors';
import { store } from './store/store.svelte';
import type { Id, Message } from './types';

/** What the browser says about notifications: `unsupported` where there are none. */
export function permission(): NotificationPermission | 'unsupported' {
  return 'Notification' in globalThis ? Notification.permission : 'unsupported';
}

export async function askPermission(): Promise<NotificationPermission | 'unsupported'> {
  return 'Notification' in globalThis ? Notification.requestPermission() : 'unsupported';
}

/** Whether the person has the channel before them. */
function isOpen(channelId: Id): boolean {
  const { route } = router;
  return (
    route.page === 'channel' &&
    route.channelId === channelId &&
    document.visibilityState === 'visible' &&
    document.hasFocus()
  );
}

/** Takes a dispatch: a new message may call. */
export function onMessage(d: unknown): void {
  const message = normalizeMessage(d as Message);
  if (!session.token || session.status === 'dnd' || isOpen(message.channel_id) || !notifies(store, message)) return;
  if (prefs.sounds) call();
  if (prefs.desktop && permission() === 'granted') show(message);
}

function show(message: Message): void {
  const channel = store.channels.get(message.channel_id);
  if (!channel) return;
  const guild = channel.guild_id ? store.guilds.get(channel.guild_id) : undefined;
  const name = message.webhook_id
    ? message.author.username
    : displayName(store, message.author.id, guild?.id, message.author);
  const place = guild
    ? ` (#${channelName(store, channel)}, ${guild.name})`
    : channel.recipient_ids && channel.recipient_ids.length > 1
      ? ` (${channelName(store, channel)})`
      : '';
  const note = new Notification(`${name}${place}`, {
    body: previewOf(message, guild?.id).slice(0, 200),
    icon: avatarUrl(store.users.get(message.author.id) ?? message.author) ?? '/favicon.svg',
    // The newest message of a channel stands for those before it.
    tag: message.channel_id,
    silent: true,
  });
  note.onclick = () => {
    focus();
    router.openChannel(channel.guild_id, channel.id, message.id);
    note.close();
  };
}

const CHIME_EVERY_MS = 1500;
let chimedAt = -Infinity;

/** Two notes, and not for each of many messages. */
function call(): void {
  if (performance.now() - chimedAt < CHIME_EVERY_MS) return;
  chimedAt = performance.now();
  chime([784, 1175], { shape: 'sine', apart: 0.09, loudness: 0.08, fades: 0.35 });
}

const ICON_PX = 64;
let picture: Promise<HTMLImageElement> | undefined;
let shown = '';

function load(): Promise<HTMLImageElement> {
  return (picture ??= new Promise((resolve, reject) => {
    const image = new Image(ICON_PX, ICON_PX);
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = '/favicon.svg';
  }));
}

/** Marks the page's icon: with a number for mentions, with a dot for what is unread. */
export async function markIcon(mentions: number, unread: boolean): Promise<void> {
  const wanted = mentions ? String(Math.min(mentions, 99)) : unread ? '•' : '';
  if (wanted === shown) return;
  shown = wanted;
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  link.dataset.mark = wanted;
  if (!wanted) {
    link.href = '/favicon.svg';
    return;
  }
  const image = await load().catch(() => null);
  if (!image || shown !== wanted) return;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = ICON_PX;
  const g = canvas.getContext('2d')!;
  g.drawImage(image, 0, 0, ICON_PX, ICON_PX);
  const radius = mentions ? 21 : 13;
  g.fillStyle = '#b33a22';
  g.beginPath();
  g.arc(ICON_PX - radius, ICON_PX - radius, radius, 0, 2 * Math.PI);
  g.fill();
  if (mentions) {
    g.fillStyle = '#fff';
    g.font = `700 ${wanted.length > 1 ? 26 : 32}px sans-serif`;
    g.textAlign = 'center';
    g.textBaseline = 'middle';
    g.fillText(wanted, ICON_PX - radius, ICON_PX - radius + 2);
  }
  link.href = canvas.toDataURL('image/png');
}
