/**
 * What this person did and sees already, whose dispatches are still to come. The dispatch of a click must not undo the click after
 * it. What another device of the same person does is believed.
 */
const KEYS_MAX = 200;

export class Echoes {
  /** By what was clicked: what it was turned to, oldest first. */
  readonly #awaited = new Map<string, boolean[]>();

  expect(key: string, on: boolean): void {
    this.#awaited.set(key, [...(this.#awaited.get(key) ?? []), on]);
    const [oldest] = this.#awaited.keys();
    if (this.#awaited.size > KEYS_MAX && oldest !== undefined) this.#awaited.delete(oldest);
  }

  /** The click was refused: no dispatch will come of it. */
  forget(key: string, on: boolean): void {
    const list = this.#awaited.get(key);
    const at = list?.lastIndexOf(on) ?? -1;
    if (list && at >= 0) this.#keep(key, list.toSpliced(at, 1));
  }

  /** Whether a dispatch tells of a click that is shown already. */
  is(key: string, on: boolean): boolean {
    const list = this.#awaited.get(key);
    const at = list?.indexOf(on) ?? -1;
    this.#keep(key, at < 0 ? [] : (list?.slice(at + 1) ?? []));
    return at >= 0;
  }

  clear(): void {
    this.#awaited.clear();
  }

  #keep(key: string, list: boolean[]): void {
    if (list.length) this.#awaited.set(key, list);
    else this.#awaited.delete(key);
  }
}
