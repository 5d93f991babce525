/**
 * Whether the focus is in a part of the page, or nowhere. What happens later than a key or a click, such as an answer of the server,
 * may move the focus only then: it is not taken from where somebody has gone meanwhile, which would close menus under their hand.
 */
export function holdsFocus(part: Element | null | undefined): boolean {
  const at = document.activeElement;
  return !at || at === document.body || !!part?.contains(at);
}
