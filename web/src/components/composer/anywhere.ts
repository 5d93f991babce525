/** Things that take keys themselves. */
const TAKES_KEYS =
  'input, textarea, select, [contenteditable], [role="menu"], [role="listbox"], [role="dialog"], dialog, [popover]';

/** Whether a key that was pressed elsewhere is meant for the message box: a letter, and nobody else waits for it. */
export function typingGoesToBox(e: KeyboardEvent): boolean {
  if (
    e.defaultPrevented ||
    e.isComposing ||
    e.ctrlKey ||
    e.metaKey ||
    e.altKey ||
    [...e.key].length !== 1 ||
    e.key === ' '
  )
    return false;
  const target = e.target instanceof Element ? e.target : null;
  return !target?.closest(TAKES_KEYS) && !document.querySelector('dialog[open]');
}
