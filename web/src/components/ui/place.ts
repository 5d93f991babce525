/** Where things that lie over the page go. */

const EDGE_PX = 8;

/** Above what asked for it when there is room, else below; always within the window. */
export function placeAbove(anchor: DOMRect, size: { width: number; height: number }): { top: number; left: number } {
  const above = anchor.top - size.height - EDGE_PX;
  const below = Math.max(EDGE_PX, Math.min(anchor.bottom + EDGE_PX, innerHeight - size.height - EDGE_PX));
  const left = Math.min(anchor.right - size.width, innerWidth - size.width - EDGE_PX);
  return { left: Math.max(EDGE_PX, left), top: above > EDGE_PX ? above : below };
}
