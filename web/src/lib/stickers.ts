/** Stickers of communities: which can be sent where, and how a picture becomes one. */
import { has, Permission } from './permissions';
import { isPrivate, myPermissions } from './store/selectors';
import type { Store } from './store/store.svelte';
import type { Channel, Guild, Sticker } from './types';

/** Bounds of a sticker (Discord developer docs, "Create Guild Sticker"). */
export const STICKER_SIDE_MAX = 320;
export const STICKER_BYTES_MAX = 512 * 1024;

export interface StickerGroup {
  guild: Guild;
  stickers: Sticker[];
}

/** What can be sent in a channel: the stickers of its own community first, those of others where that is allowed. */
export function usableStickers(store: Store, channel: Channel, query = ''): StickerGroup[] {
  const external = isPrivate(channel) || has(myPermissions(store, channel), Permission.USE_EXTERNAL_STICKERS);
  const q = query.trim().toLowerCase();
  const fits = (s: Sticker) =>
    s.available !== false && (!q || [s.name, s.tags, s.description].some((t) => t?.toLowerCase().includes(q)));
  return store.guildOrder
    .flatMap((id) => store.guilds.get(id) ?? [])
    .filter((guild) => external || guild.id === channel.guild_id)
    .map((guild) => ({ guild, stickers: (guild.stickers ?? []).filter(fits) }))
    .filter((group) => group.stickers.length > 0)
    .sort((a, b) => Number(b.guild.id === channel.guild_id) - Number(a.guild.id === channel.guild_id));
}

/** Whether the bytes of a PNG hold more than one picture: only then is there a chunk of this name before the data. */
async function moves(file: Blob): Promise<boolean> {
  const head = new TextDecoder('latin1').decode(await file.slice(0, 4096).arrayBuffer());
  const at = head.indexOf('acTL');
  return at >= 0 && at < head.indexOf('IDAT');
}

/** What a file that draws by a program (Lottie) is said to be. */
export const LOTTIE_TYPE = 'application/json';

/** The file as it can be a sticker: what moves is left as it is, other pictures are made PNG, and small enough. */
export async function stickerFile(file: File): Promise<File> {
  if (file.type === LOTTIE_TYPE) return file;
  if (file.type === 'image/gif' || (file.type === 'image/png' && (await moves(file)))) return file;
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, STICKER_SIDE_MAX / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, bitmap.width * scale), Math.max(1, bitmap.height * scale));
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type: 'image/png' });
  return new File([blob], file.name.replace(/\.\w+$/, '') + '.png', { type: 'image/png' });
}
