/**
 * What this client looks at, as it tells the gateway (opcode 37): the guild that is open, and the part of its member list that
 * is shown. Of a large guild that is not looked at the gateway tells only what changes its unread marks (PASSIVE_UPDATE_V2).
 *
 * It knows no socket: `send` is given to it.
 */
import { Pace } from './gateway/pace';
import type { Id } from './types';

export type Ranges = [number, number][];
type Send = (subscriptions: Record<Id, object>) => void;

const LOOK = { typing: true, activities: true, threads: true };
/** Everything that a subscription may hold, switched off. */
const LOOK_AWAY = { typing: false, activities: false, threads: false, channels: {} };
/** A list that is closed is given up after this: another channel may show the same one. */
const LINGER_MS = 2_000;

export class Looking {
  #guild: Id | null = null;
  #list: { guildId: Id; channelId: Id; ranges: Ranges } | null = null;
  #pace = new Pace();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: Send,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** The guild that is open is this one now. Gives the one that is not looked at any more. */
  turnTo(guildId: Id | null): Id | null {
    const before = this.#guild;
    if (before === guildId) return null;
    this.#guild = guildId;
    if (this.#list && this.#list.guildId !== guildId) this.#forgetList();
    this.send({ ...(before ? { [before]: LOOK_AWAY } : {}), ...(guildId ? { [guildId]: LOOK } : {}) });
    return before;
  }

  /** These rows of a channel's member list are shown. */
  show(guildId: Id, channelId: Id, ranges: Ranges): void {
    this.#list = { guildId, channelId, ranges };
    clearTimeout(this.#timer);
    const wait = this.#pace.wait(this.now());
    if (wait > 0) this.#timer = setTimeout(() => this.#sendList(), wait);
    else this.#sendList();
  }

  /** The list is not shown any more. */
  hide(guildId: Id): void {
    if (this.#list?.guildId !== guildId) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#list = null;
      this.send({ [guildId]: { channels: {} } });
    }, LINGER_MS);
  }

  /** The session is a new one, which has been told nothing. */
  begin(): void {
    this.#forgetList();
    const guildId = this.#guild;
    if (guildId) this.send({ [guildId]: LOOK });
  }

  /** There is nobody who looks. */
  reset(): void {
    this.#forgetList();
    this.#guild = null;
  }

  #forgetList(): void {
    clearTimeout(this.#timer);
    this.#list = null;
  }

  #sendList(): void {
    if (!this.#list) return;
    const { guildId, channelId, ranges } = this.#list;
    this.#pace.take(this.now());
    this.send({ [guildId]: { ...LOOK, channels: { [channelId]: ranges } } });
  }
}
