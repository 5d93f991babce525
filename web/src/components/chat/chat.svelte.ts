/** What is going on in the open channel besides its messages: editing, replying, what is highlighted. */
import type { Emoji, Id, Message } from '../../lib/types';

export interface PickerRequest {
  anchor: DOMRect;
  from: HTMLElement | null;
  onpick: (emoji: Emoji) => void;
}

export class ChatState {
  editing = $state<Id | null>(null);
  reply = $state.raw<{ message: Message; mention: boolean } | null>(null);
  highlighted = $state<Id | null>(null);
  picker = $state.raw<PickerRequest | null>(null);
  /** Goes to a message, loading it when needed; set by the message list. */
  jumpTo: (id: Id) => void = () => {};
  focusComposer: () => void = () => {};
  /** Everything up to here was read before the channel was opened. */
  readUpTo = $state<Id | null>(null);

  startReply(message: Message): void {
    this.reply = { message, mention: true };
    this.editing = null;
    this.focusComposer();
  }

  startEdit(id: Id): void {
    this.editing = id;
  }

  stopEdit(): void {
    this.editing = null;
    this.focusComposer();
  }

  openPicker(from: HTMLElement, onpick: (emoji: Emoji) => void): void {
    this.picker = { anchor: from.getBoundingClientRect(), from, onpick };
  }
}
