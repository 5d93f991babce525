/** The soundboard: what can be played, and playing what others play. Each client has the files itself. */
import { SvelteMap } from 'svelte/reactivity';
import { soundUrl } from '../cdn';
import { has, Permission } from '../permissions';
import { myPermissions } from '../store/selectors';
import type { Store } from '../store/store.svelte';
import type { Channel, Emoji, Guild, Id, SoundboardSound } from '../types';

/** Sounds that are played at once; those that come on top of them are not heard. */
const AT_ONCE_MAX = 8;
/** How long somebody is shown to have played something, at least. */
const SHOWN_MS = 2_500;

export interface Played {
  /** What stands for the sound: its emoji, or a note. */
  emoji: Emoji | null;
  name: string;
}

/** The emoji of a sound, if it has one. */
export const emojiOf = (sound: Pick<SoundboardSound, 'emoji_id' | 'emoji_name'>): Emoji | null =>
  sound.emoji_id || sound.emoji_name ? { id: sound.emoji_id ?? null, name: sound.emoji_name ?? '' } : null;

/** The sounds that may be played in a channel, by community, its own first; those whose name has `query` in it. */
export function playable(store: Store, channel: Channel, query = ''): { guild: Guild; sounds: SoundboardSound[] }[] {
  const permissions = myPermissions(store, channel);
  if (!has(permissions, Permission.USE_SOUNDBOARD)) return [];
  const elsewhere = has(permissions, Permission.USE_EXTERNAL_SOUNDS);
  const q = query.trim().toLowerCase();
  const fits = (s: SoundboardSound) => s.available !== false && s.name.toLowerCase().includes(q);
  return [...store.guilds.values()]
    .filter((g) => elsewhere || g.id === channel.guild_id)
    .sort((a, b) => Number(b.id === channel.guild_id) - Number(a.id === channel.guild_id))
    .map((guild) => ({ guild, sounds: (guild.sounds ?? []).filter(fits) }))
    .filter(({ sounds }) => sounds.length > 0);
}

/** Plays sounds, and knows who has just played what. */
export class Sounds {
  readonly played = new SvelteMap<Id, Played>();
  readonly #elements = new Set<HTMLAudioElement>();
  readonly #timers = new Map<Id, ReturnType<typeof setTimeout>>();

  /** Plays a file, at a volume of 0 to 1. `prepare` is given the element before. */
  play(soundId: Id, volume: number, prepare: (element: HTMLAudioElement) => void = () => {}): void {
    if (this.#elements.size >= AT_ONCE_MAX) return;
    const element = new Audio(soundUrl(soundId));
    element.volume = Math.min(1, Math.max(0, volume));
    prepare(element);
    const gone = () => this.#elements.delete(element);
    element.onended = element.onerror = gone;
    this.#elements.add(element);
    void element.play().catch(gone);
  }

  /** Shows for a moment that somebody played something. */
  show(userId: Id, what: Played): void {
    clearTimeout(this.#timers.get(userId));
    this.played.set(userId, what);
    this.#timers.set(
      userId,
      setTimeout(() => this.#hide(userId), SHOWN_MS),
    );
  }

  #hide(userId: Id): void {
    this.played.delete(userId);
    this.#timers.delete(userId);
  }

  /** Ends everything: the call is left. */
  stop(): void {
    for (const element of this.#elements) element.pause();
    this.#elements.clear();
    for (const [userId, timer] of this.#timers) {
      clearTimeout(timer);
      this.#hide(userId);
    }
  }
}
