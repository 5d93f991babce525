/** Where things that lie over the page go. */

const EDGE_PX = 8;

export interface Size {
  width: number;
  height: number;
}
export interface Spot {
  top: number;
  left: number;
}
/** Gives where something of a size goes. */
export type Placing = (size: Size) => Spot;

/** The nearest spot at which something lies within the window; what is larger than that begins at its edge. */
export function within({ top, left }: Spot, size: Size): Spot {
  return {
    top: Math.max(EDGE_PX, Math.min(top, innerHeight - size.height - EDGE_PX)),
    left: Math.max(EDGE_PX, Math.min(left, innerWidth - size.width - EDGE_PX)),
  };
}

/** Above what asked for it when there is room, else below; always within the window. */
export function placeAbove(anchor: DOMRect, size: Size): Spot {
  const above = anchor.top - size.height - EDGE_PX;
  const top = above > EDGE_PX ? above : anchor.bottom + EDGE_PX;
  return within({ top, left: anchor.right - size.width }, size);
}

/** Below what asked for it when there is room, else above; always within the window. */
export function placeBelow(anchor: DOMRect, size: Size, align: 'start' | 'end' = 'start', gap = 4): Spot {
  const below = anchor.bottom + gap;
  const top = below + size.height > innerHeight - EDGE_PX ? anchor.top - size.height - gap : below;
  return within({ top, left: align === 'end' ? anchor.right - size.width : anchor.left }, size);
}

/**
 * Shows a popover where `place` says, and keeps it there: what it holds may come later and make it larger, and windows change.
 * Otherwise its last lines would lie outside of the window, where no scrolling leads.
 */
export function floating(element: HTMLElement, place: Placing) {
  const put = () => {
    const { top, left } = place({ width: element.offsetWidth, height: element.offsetHeight });
    element.style.top = `${top}px`;
    element.style.left = `${left}px`;
  };
  element.showPopover();
  put();
  const observer = new ResizeObserver(put);
  observer.observe(element, { box: 'border-box' });
  addEventListener('resize', put);
  return {
    update(next: Placing) {
      place = next;
      put();
    },
    destroy() {
      observer.disconnect();
      removeEventListener('resize', put);
    },
  };
}
