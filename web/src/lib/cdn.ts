/** Addresses of images (Discord developer docs, "CDN Endpoints"), on the server's own origin. */
import type { Guild, Id, User } from './types';

const ext = (hash: string) => (hash.startsWith('a_') ? 'gif' : 'png');

export function avatarUrl(user: Pick<User, 'id' | 'avatar'> | undefined, size = 96): string | null {
  return user?.avatar
    ? `/cdn/avatars/${user.id}/${user.avatar}.${ext(user.avatar)}?size=${size === 96 ? 128 : size}`
    : null;
}

/** The avatar that a member has in one community alone. */
export function memberAvatarUrl(
  guildId: Id,
  member: { user_id: Id; avatar?: string | null } | undefined,
): string | null {
  if (!member?.avatar) return null;
  return `/cdn/guilds/${guildId}/users/${member.user_id}/avatars/${member.avatar}.${ext(member.avatar)}?size=128`;
}

/** The picture of a group. */
export function channelIconUrl(channel: { id: Id; icon?: string | null }): string | null {
  return channel.icon ? `/cdn/channel-icons/${channel.id}/${channel.icon}.${ext(channel.icon)}?size=128` : null;
}

export function bannerUrl(user: Pick<User, 'id' | 'banner'> | undefined): string | null {
  return user?.banner ? `/cdn/banners/${user.id}/${user.banner}.${ext(user.banner)}?size=512` : null;
}

export function iconUrl(guild: Pick<Guild, 'id' | 'icon'>, size = 128): string | null {
  return guild.icon ? `/cdn/icons/${guild.id}/${guild.icon}.${ext(guild.icon)}?size=${size}` : null;
}

export function emojiUrl(id: Id, animated = false): string {
  return `/cdn/emojis/${id}.${animated ? 'gif' : 'png'}`;
}

/** The format of stickers that are drawn by a program (Discord developer docs, "Sticker Format Types"). */
export const LOTTIE = 3;
const GIF = 4;

/** The file of a sticker: a picture, or the program that draws it. */
export function stickerUrl(sticker: { id: Id; format_type?: number | null }): string {
  const ending = sticker.format_type === LOTTIE ? 'json' : sticker.format_type === GIF ? 'gif' : 'png';
  return `/cdn/stickers/${sticker.id}.${ending}`;
}

export function soundUrl(id: Id): string {
  return `/cdn/soundboard-sounds/${id}`;
}

/** A steady hue for whoever has no picture; ids made one after another must not look alike. */
export function hueOf(id: Id): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) h = Math.imul(h ^ id.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) % 360;
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!].map((w) => [...w][0]!) : [...words[0]!].slice(0, 2);
  return letters.join('').toUpperCase();
}

/** Reads a file as a data URI, as images are sent inside JSON. */
export function toDataUri(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Shrinks a picture to a square of at most `size` pixels, so that a photograph can be an icon. */
export async function squareImage(file: File, size = 256): Promise<string> {
  if (file.type === 'image/gif') return toDataUri(file);
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const target = Math.min(size, side);
  const canvas = new OffscreenCanvas(target, target);
  canvas
    .getContext('2d')!
    .drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, target, target);
  bitmap.close();
  return toDataUri(await canvas.convertToBlob({ type: 'image/png' }));
}
