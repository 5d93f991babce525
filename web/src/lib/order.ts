/** Places in lists. */

/** The neighbour of the one at `at`, round the ends; with nothing open, the first or last. */
export function neighbour<T>(list: readonly T[], at: number, by: 1 | -1): T | undefined {
  if (!list.length) return undefined;
  return list[at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length];
}

/** A list with the entry at `from` moved to where `to` was. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
}
