/** Files waiting to be sent with the next message. */
import { FILE_BYTES_MAX, FILES_MAX, REQUEST_BYTES_MAX, type Attached } from '../../lib/sending';
import { formatBytes } from '../../lib/time';
import type { Id, LocalState } from '../../lib/types';
import { ui } from '../../lib/ui.svelte';

export interface TrayFile {
  key: number;
  file: File;
  /** Alternative text. */
  description: string;
  spoiler: boolean;
  url?: string;
  width?: number;
  height?: number;
}

let nextKey = 1;

export class FileTray {
  items = $state.raw<TrayFile[]>([]);

  add(files: Iterable<File>): void {
    for (const file of files) {
      const total = this.items.reduce((sum, i) => sum + i.file.size, file.size);
      if (this.items.length >= FILES_MAX) return ui.toast(`At most ${FILES_MAX} files fit in one message`, 'error');
      if (file.size > FILE_BYTES_MAX) ui.toast(`${file.name} is larger than ${formatBytes(FILE_BYTES_MAX)}`, 'error');
      else if (total > REQUEST_BYTES_MAX)
        ui.toast(`The files of one message may have ${formatBytes(REQUEST_BYTES_MAX)} together`, 'error');
      else this.#push(file);
    }
  }

  #push(file: File): void {
    const item: TrayFile = { key: nextKey++, file, description: '', spoiler: false };
    this.items = [...this.items, item];
    if (!/^image\/(png|jpeg|gif|webp|avif)$/.test(file.type)) return;
    const url = URL.createObjectURL(file);
    const image = new Image();
    image.onload = () =>
      (this.items = this.items.map((i) =>
        i.key === item.key ? { ...i, url, width: image.naturalWidth, height: image.naturalHeight } : i,
      ));
    image.onerror = () => URL.revokeObjectURL(url);
    image.src = url;
  }

  remove(key: number): void {
    const item = this.items.find((i) => i.key === key);
    if (item?.url) URL.revokeObjectURL(item.url);
    this.items = this.items.filter((i) => i.key !== key);
  }

  /** Hands the files over to a message; their previews stay valid until it is sent. */
  take(): { files: Attached[]; previews: LocalState['previews'] } {
    const items = this.items;
    this.items = [];
    return {
      files: items.map(({ file, description, spoiler }) => ({ file, description: description.trim(), spoiler })),
      previews: items.map(({ file, url, width, height }) => ({ name: file.name, size: file.size, url, width, height })),
    };
  }

  change(key: number, change: Partial<Pick<TrayFile, 'description' | 'spoiler'>>): void {
    this.items = this.items.map((i) => (i.key === key ? { ...i, ...change } : i));
  }
}

const trays = new Map<Id, FileTray>();

/** The tray of a channel: what waits in it is there when the channel is come back to. */
export function trayOf(channelId: Id): FileTray {
  let tray = trays.get(channelId);
  if (!tray) trays.set(channelId, (tray = new FileTray()));
  return tray;
}

/** Whether files wait anywhere, which would not survive the page. */
export const anyTray = (): boolean => [...trays.values()].some((tray) => tray.items.length > 0);
