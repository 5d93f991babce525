/** Gestures of a finger that the browser does not tell of by itself. */

const HOLD_MS = 500;
/** A finger that moves farther scrolls. */
const HOLD_SLACK_PX = 10;

/**
 * Makes a long press ask for the context menu where the browser does not (iOS). A press that did swallows the click that follows.
 */
export function holdForMenu(node: HTMLElement): { destroy(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let start = { x: 0, y: 0 };
  let fired = false;
  const cancel = () => clearTimeout(timer);
  const begin = (e: TouchEvent) => {
    const touch = e.touches[0];
    cancel();
    fired = false;
    if (!touch || e.touches.length > 1) return;
    start = { x: touch.clientX, y: touch.clientY };
    timer = setTimeout(() => {
      fired = true;
      const target = e.target instanceof Element ? e.target : node;
      target.dispatchEvent(
        new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: start.x, clientY: start.y }),
      );
    }, HOLD_MS);
  };
  const move = (e: TouchEvent) => {
    const touch = e.touches[0];
    if (touch && Math.hypot(touch.clientX - start.x, touch.clientY - start.y) > HOLD_SLACK_PX) cancel();
  };
  const native = (e: Event) => {
    // Android asks by itself: one menu is enough.
    if (e.isTrusted) cancel();
  };
  const click = (e: Event) => {
    if (!fired) return;
    fired = false;
    e.preventDefault();
    e.stopPropagation();
  };
  node.addEventListener('touchstart', begin, { passive: true });
  node.addEventListener('touchmove', move, { passive: true });
  node.addEventListener('touchend', cancel);
  node.addEventListener('touchcancel', cancel);
  node.addEventListener('contextmenu', native, true);
  node.addEventListener('click', click, true);
  return {
    destroy() {
      cancel();
      node.removeEventListener('touchstart', begin);
      node.removeEventListener('touchmove', move);
      node.removeEventListener('touchend', cancel);
      node.removeEventListener('touchcancel', cancel);
      node.removeEventListener('contextmenu', native, true);
      node.removeEventListener('click', click, true);
    },
  };
}

const SWIPE_PX = 60;
const SWIPE_MS = 600;

/** Whether a movement of a finger is a swipe to a side. */
export function swipeOf(dx: number, dy: number, ms: number): 'left' | 'right' | null {
  if (ms > SWIPE_MS || Math.abs(dx) < SWIPE_PX || Math.abs(dx) < Math.abs(dy) * 2) return null;
  return dx > 0 ? 'right' : 'left';
}

/** Tells of swipes, but not of those inside something that scrolls sideways itself. */
export function onSwipe(node: HTMLElement, swiped: (to: 'left' | 'right') => void): { destroy(): void } {
  let start: { x: number; y: number; at: number } | null = null;
  const scrollsSideways = (target: EventTarget | null) => {
    for (let e = target instanceof Element ? target : null; e && e !== node; e = e.parentElement) {
      if (e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX)) return true;
    }
    return false;
  };
  const begin = (e: TouchEvent) => {
    const touch = e.touches[0];
    start =
      touch && e.touches.length === 1 && !scrollsSideways(e.target)
        ? { x: touch.clientX, y: touch.clientY, at: e.timeStamp }
        : null;
  };
  const end = (e: TouchEvent) => {
    const touch = e.changedTouches[0];
    const to =
      start && touch ? swipeOf(touch.clientX - start.x, touch.clientY - start.y, e.timeStamp - start.at) : null;
    start = null;
    if (to && !getSelection()?.toString()) swiped(to);
  };
  node.addEventListener('touchstart', begin, { passive: true });
  node.addEventListener('touchend', end);
  return {
    destroy() {
      node.removeEventListener('touchstart', begin);
      node.removeEventListener('touchend', end);
    },
  };
}
