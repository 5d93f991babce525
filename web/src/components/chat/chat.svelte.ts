/** What is going on in the open channel besides its messages: editing, replying, what is highlighted. */
import { BULK_MAX } from '../../lib/actions';
import type { Emoji, Id, Message } from '../../lib/types';

export interface PickerRequest {
  from: HTMLElement;
  onpick: (emoji: Emoji) => void;
}

export class ChatState {
  editing = $state<Id | null>(null);
  reply = $state.raw<{ message: Message; mention: boolean } | null>(null);
  highlighted = $state<Id | null>(null);
  picker = $state.raw<PickerRequest | null>(null);
  /** Goes to a message, loading it when needed; set by the message list. */
  jumpTo: (id: Id) => void = () => {};
  /** Goes to the newest message; set by the message list. */
  toPresent: () => void = () => {};
  focusComposer: () => void = () => {};
  /** Puts text where the caret of the message box is; set by the composer. */
  insertText: (text: string) => void = () => {};
  /** Everything up to here was read before the channel was opened. */
  readUpTo = $state<Id | null>(null);
  /** The person wants the channel to stay unread, although its end is in sight. */
  keepUnread = $state(false);

  /** Folded rows of blocked people that were opened. */
  unfolded = $state.raw<ReadonlySet<string>>(new Set());

  toggleFold(key: string): void {
    const next = new Set(this.unfolded);
    if (!next.delete(key)) next.add(key);
    this.unfolded = next;
  }

  /** Messages that are chosen to be deleted together; null when none are being chosen. */
  selected = $state.raw<ReadonlySet<Id> | null>(null);

  toggleSelected(id: Id): void {
    const next = new Set(this.selected);
    if (!next.delete(id) && next.size < BULK_MAX) next.add(id);
    this.selected = next;
  }

  startReply(message: Message): void {
    this.reply = { message, mention: true };
    this.editing = null;
    this.focusComposer();
  }

  startEdit(id: Id): void {
    this.editing = id;
  }

  stopEdit(refocus = true): void {
    this.editing = null;
    if (refocus) this.focusComposer();
  }

  openPicker(from: HTMLElement, onpick: (emoji: Emoji) => void): void {
    this.picker = this.picker?.from === from ? null : { from, onpick };
  }
}
