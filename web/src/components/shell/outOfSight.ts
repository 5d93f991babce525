/** Of boxes that follow each other downwards: how many are above and how many below what is between `top` and `bottom`. */
export function outOfSight(
  boxes: { top: number; bottom: number }[],
  top: number,
  bottom: number,
): { above: number; below: number } {
  // A box of no height is folded away.
  const shown = boxes.filter((b) => b.bottom > b.top);
  return {
    above: shown.filter((b) => b.bottom <= top + 4).length,
    below: shown.filter((b) => b.top >= bottom - 4).length,
  };
}
