/** Dragging an entry of a list to another place. Buttons or keys have to do the same for those who do not drag. */

export class Reorder {
  /** Keys of what is dragged and of what it is held over. */
  dragged = $state<string | null>(null);
  over = $state<string | null>(null);

  /** `dropped` is given the keys of what was dragged and of what it was let go on. */
  constructor(private readonly dropped: (from: string, to: string) => void) {}

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
      },
      ondragend: () => (this.dragged = this.over = null),
      ondrop: (e: DragEvent) => {
        const from = this.dragged;
        this.dragged = this.over = null;
        if (!from || !enabled) return;
        e.preventDefault();
        e.stopPropagation();
        if (from !== key) this.dropped(from, key);
      },
    };
  }
}
