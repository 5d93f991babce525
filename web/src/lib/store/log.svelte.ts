/** The messages of one channel that this client holds: a window of its history, oldest first. */
import { compareIds } from '../snowflake';
import type { Id, Message } from '../types';

/** Messages kept per channel; beyond it the far end of the window is let go. */
const WINDOW_MAX = 600;
/** Changes remembered while a page is on its way; after more of them the window is loaded anew. */
const CHANGES_MAX = 2000;

/** What changed while a page was on its way: the page may be older than that, or newer. */
export class Journal {
  /** Changes that may be made twice. */
  readonly changes: (() => void)[] = [];
  /** Messages of which something was counted, which must not be done twice. */
  readonly recounted = new Set<Id>();
}

export class ChannelLog {
  items = $state.raw<Message[]>([]);
  /** Messages of ours that the server has not accepted yet, in the order written. */
  outbox = $state.raw<Message[]>([]);
  /** Whether there is more before the first item. */
  hasOlder = $state(true);
  /** Whether the window ends before the newest message (after jumping back). */
  hasNewer = $state(false);
  loaded = $state(false);
  loading = $state<'none' | 'initial' | 'older' | 'newer'>('none');
  error = $state<string | null>(null);
  /** Whether events may have been missed since the window was loaded. */
  stale = $state(false);

  readonly #journals = new Set<Journal>();

  /** Begins to remember changes, until `settle`. */
  begin(): Journal {
    const journal = new Journal();
    this.#journals.add(journal);
    return journal;
  }

  /** Makes the changes of a journal again, over the page that has come. */
  settle(journal: Journal): void {
    this.#journals.delete(journal);
    if (journal.changes.length >= CHANGES_MAX) this.stale = true;
    for (const change of journal.changes) change();
  }

  #note(change: () => void): void {
    for (const { changes } of this.#journals) if (changes.length < CHANGES_MAX) changes.push(change);
  }

  get first(): Message | undefined {
    return this.items[0];
  }

  get last(): Message | undefined {
    return this.items.at(-1);
  }

  indexOf(id: Id): number {
    let low = 0;
    let high = this.items.length - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const order = compareIds(this.items[mid]!.id, id);
      if (order === 0) return mid;
      if (order < 0) low = mid + 1;
      else high = mid - 1;
    }
    return -1;
  }

  find(id: Id): Message | undefined {
    return this.items[this.indexOf(id)];
  }

  /** Replaces the window. `page` may be in any order. */
  reset(page: Message[], hasOlder: boolean, hasNewer: boolean): void {
    this.items = [...page].sort((a, b) => compareIds(a.id, b.id));
    this.hasOlder = hasOlder;
    this.hasNewer = hasNewer;
    this.loaded = true;
    this.stale = false;
    this.error = null;
  }

  prepend(page: Message[], hasOlder: boolean): void {
    const fresh = page.filter((m) => this.indexOf(m.id) < 0).sort((a, b) => compareIds(a.id, b.id));
    const merged = [...fresh, ...this.items];
    this.hasOlder = hasOlder;
    if (merged.length > WINDOW_MAX) this.hasNewer = true;
    this.items = merged.slice(0, WINDOW_MAX);
  }

  append(page: Message[], hasNewer: boolean): void {
    const fresh = page.filter((m) => this.indexOf(m.id) < 0).sort((a, b) => compareIds(a.id, b.id));
    const merged = [...this.items, ...fresh];
    this.hasNewer = hasNewer;
    if (merged.length > WINDOW_MAX) this.hasOlder = true;
    this.items = merged.slice(-WINDOW_MAX);
  }

  /** Takes a new message from the gateway or from our own request. */
  add(message: Message): void {
    this.#leaveOutbox(message);
    this.#note(() => this.#add(message));
    this.#add(message);
  }

  #add(message: Message): void {
    if (!this.loaded || this.hasNewer) return;
    const at = this.indexOf(message.id);
    if (at >= 0) {
      this.items = this.items.with(at, { ...this.items[at]!, ...message });
      return;
    }
    const next = [...this.items, message];
    const previous = this.items.at(-1);
    if (previous && compareIds(previous.id, message.id) > 0) next.sort((a, b) => compareIds(a.id, b.id));
    if (next.length > WINDOW_MAX) this.hasOlder = true;
    this.items = next.slice(-WINDOW_MAX);
  }

  /** A message that came back with its nonce is no longer waiting. */
  #leaveOutbox(message: Message): void {
    if (message.nonce === undefined || message.nonce === null) return;
    const nonce = String(message.nonce);
    if (this.outbox.some((m) => m.nonce === nonce)) this.outbox = this.outbox.filter((m) => m.nonce !== nonce);
  }

  /** Changes a message in a way that makes no difference when it is done twice. */
  update(id: Id, change: (message: Message) => Message): void {
    this.#note(() => this.#update(id, change));
    this.#update(id, change);
  }

  /** Counts something of a message, such as a reaction. */
  count(id: Id, change: (message: Message) => Message): void {
    for (const { recounted } of this.#journals) recounted.add(id);
    this.#update(id, change);
  }

  #update(id: Id, change: (message: Message) => Message): void {
    const at = this.indexOf(id);
    if (at >= 0) this.items = this.items.with(at, change(this.items[at]!));
  }

  remove(ids: Set<Id>): void {
    this.#note(() => this.#remove(ids));
    this.#remove(ids);
  }

  #remove(ids: Set<Id>): void {
    if (this.items.some((m) => ids.has(m.id))) this.items = this.items.filter((m) => !ids.has(m.id));
    // Replies keep their place but lose what they answered.
    if (this.items.some((m) => m.referenced_message && ids.has(m.referenced_message.id))) {
      this.items = this.items.map((m) =>
        m.referenced_message && ids.has(m.referenced_message.id) ? { ...m, referenced_message: null } : m,
      );
    }
  }

  updateOutbox(nonce: string, change: (message: Message) => Message): void {
    this.outbox = this.outbox.map((m) => (m.nonce === nonce ? change(m) : m));
  }

  dropFromOutbox(nonce: string): void {
    this.outbox = this.outbox.filter((m) => m.nonce !== nonce);
  }
}
