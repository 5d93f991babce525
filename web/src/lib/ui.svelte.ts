/** What is open on top of the page: dialogs, panels, toasts. One of each kind at a time. */
import type { ModalForm } from './interactions';
import type { MenuItem } from '../components/ui/MenuList.svelte';
import type { Id, Message, User } from './types';

/** A picture as it is shown alone. */
export interface LargePicture {
  url: string;
  alt: string;
  width?: number | null;
  height?: number | null;
  original: string;
}

export type Dialog =
  | { kind: 'create-guild' }
  | { kind: 'join-guild' }
  | { kind: 'settings'; tab?: string }
  | { kind: 'guild-settings'; guildId: Id; tab?: string; roleId?: Id }
  | { kind: 'channel-settings'; channelId: Id }
  | { kind: 'create-channel'; guildId: Id; parentId: Id | null; category?: boolean }
  | { kind: 'invite'; guildId: Id; channelId: Id }
  | {
      kind: 'confirm';
      title: string;
      text: string;
      action: string;
      danger?: boolean;
      message?: Message;
      run: () => Promise<unknown> | unknown;
    }
  | { kind: 'thread'; channelId: Id; message: Message | null }
  | ({ kind: 'lightbox'; among?: LargePicture[] } & LargePicture)
  | { kind: 'forward'; message: Message }
  | { kind: 'welcome'; guildId: Id }
  | { kind: 'onboarding'; guildId: Id; newcomer?: boolean; then?: () => void }
  | { kind: 'member-profile'; guildId: Id }
  | { kind: 'stage'; channelId: Id }
  | { kind: 'folder'; folderId: number }
  | { kind: 'custom-status' }
  | { kind: 'follow'; channelId: Id }
  | { kind: 'thread-members'; channelId: Id }
  | { kind: 'group'; channelId: Id | null }
  | { kind: 'switcher' }
  | { kind: 'inbox' }
  | { kind: 'search'; channelId: Id }
  | { kind: 'shortcuts' }
  | { kind: 'encryption' }
  | { kind: 'modal-form'; form: ModalForm }
  | { kind: 'leave-site'; href: string; claimed: string }
  | { kind: 'create-poll'; channelId: Id }
  | { kind: 'moderate'; action: 'nickname' | 'kick' | 'ban' | 'timeout'; guildId: Id; userId: Id }
  | { kind: 'voters'; channelId: Id; messageId: Id; answerId: number; label: string }
  | { kind: 'reactors'; channelId: Id; messageId: Id; emoji: string; label: string };

export interface Toast {
  id: number;
  text: string;
  tone: 'info' | 'error' | 'good';
}

export interface ProfileTarget {
  userId: Id;
  guildId?: Id;
  fallback?: User;
  anchor: DOMRect;
  from: Element | null;
}

export interface ContextMenu {
  label: string;
  /** Made when the menu opens, and again when what they show changes. */
  items: () => (MenuItem | null)[];
  x: number;
  y: number;
  from: Element | null;
}

const TOASTS_MAX = 4;
const TOAST_MS = 5000;

class Ui {
  /** Dialogs lie on each other: a confirmation over a settings page. */
  dialogs = $state.raw<Dialog[]>([]);
  toasts = $state.raw<Toast[]>([]);
  profile = $state.raw<ProfileTarget | null>(null);
  menu = $state.raw<ContextMenu | null>(null);
  panel = $state<'pins' | 'threads' | null>(null);
  /** Narrow screens show the lists over the messages. */
  drawer = $state<'nav' | 'members' | null>(null);
  /** Spoken by screen readers. */
  announcement = $state('');
  #nextToast = 1;

  open(dialog: Dialog): void {
    this.profile = null;
    this.dialogs = [...this.dialogs, dialog];
  }

  close(dialog: Dialog): void {
    this.dialogs = this.dialogs.filter((d) => d !== dialog);
  }

  toast(text: string, tone: Toast['tone'] = 'info'): void {
    const toast = { id: this.#nextToast++, text, tone };
    this.toasts = [...this.toasts, toast].slice(-TOASTS_MAX);
    setTimeout(() => this.dismiss(toast.id), tone === 'error' ? TOAST_MS * 1.6 : TOAST_MS);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((t) => t.id !== id);
  }

  showProfile(event: MouseEvent | KeyboardEvent, userId: Id, guildId?: Id, fallback?: User): void {
    const from = event.currentTarget as Element;
    this.profile = { userId, guildId, fallback, anchor: from.getBoundingClientRect(), from };
  }

  /** Opens a menu where the pointer is, or, when it was asked for by a key, at the element. */
  showMenu(event: MouseEvent, label: string, items: () => (MenuItem | null)[]): void {
    if (!items().some(Boolean)) return;
    event.preventDefault();
    event.stopPropagation();
    const from = event.currentTarget as Element;
    const box = from.getBoundingClientRect();
    const keyed = event.clientX === 0 && event.clientY === 0;
    this.menu = {
      label,
      items,
      x: keyed ? box.left + 40 : event.clientX,
      y: keyed ? box.top + 20 : event.clientY,
      from,
    };
  }

  announce(text: string): void {
    this.announcement = text;
  }
}

export const ui = new Ui();
