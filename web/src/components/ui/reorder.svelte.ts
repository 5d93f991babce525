/** Dragging an entry of a list to another place. Buttons or menus have to do the same for those who do not drag. */

/** Where something is let go in relation to what it is let go on. */
export type Drop = 'before' | 'into' | 'after';

/** The middle of an entry, as shares of its height: what is let go there goes into it. */
const INTO: readonly [number, number] = [0.28, 0.72];

export class Reorder {
  /** Keys of what is dragged and of what it is held over. */
  dragged = $state<string | null>(null);
  over = $state<string | null>(null);
  where = $state<Drop>('before');

  /**
   * `dropped` is given the keys of what was dragged and of what it was let go on, and where; `nests` tells whether entries can
   * be let go into others.
   */
  constructor(
    private readonly dropped: (from: string, to: string, where: Drop) => void,
    private readonly nests = false,
  ) {}

  #whereIs(e: DragEvent): Drop {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    const share = (e.clientY - box.top) / box.height;
    if (this.nests && share > INTO[0] && share < INTO[1]) return 'into';
    return share < 0.5 ? 'before' : 'after';
  }

  /** Attributes of an entry that can be dragged and dropped on. */
  of(key: string, enabled = true) {
    return {
      draggable: enabled,
      ondragstart: (e: DragEvent) => {
        e.stopPropagation();
        this.dragged = key;
        e.dataTransfer?.setData('text/plain', key);
        if (e.dataTransfer) e.dataTransfer.effectAllowed = 'move';
      },
      ondragover: (e: DragEvent) => {
        if (!this.dragged || !enabled) return;
        e.preventDefault();
        e.stopPropagation();
        this.over = key;
        this.where = this.#whereIs(e);
      },
      ondragend: () => (this.dragged = this.over = null),
      ondrop: (e: DragEvent) => {
        const from = this.dragged;
        this.dragged = this.over = null;
        if (!from || !enabled) return;
        e.preventDefault();
        e.stopPropagation();
        if (from !== key) this.dropped(from, key, this.#whereIs(e));
      },
    };
  }
}
