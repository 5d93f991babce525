/** Tells when nobody has touched the page for a while, and when somebody does again. It knows no clock but the timer it is given. */
const IDLE_AFTER_MS = 10 * 60_000;
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;
/** Movements come by the hundred: one in so long is enough. */
const SIGN_EVERY_MS = 5_000;

export function watchIdle(
  target: EventTarget,
  changed: (idle: boolean) => void,
  now: () => number = Date.now,
): () => void {
  let idle = false;
  let signAt = now();
  let timer: ReturnType<typeof setTimeout>;
  const check = () => {
    const left = signAt + IDLE_AFTER_MS - now();
    if (left > 0) timer = setTimeout(check, left);
    else changed((idle = true));
  };
  const sign = () => {
    const at = now();
    if (!idle && at - signAt < SIGN_EVERY_MS) return;
    signAt = at;
    if (!idle) return;
    changed((idle = false));
    timer = setTimeout(check, IDLE_AFTER_MS);
  };
  timer = setTimeout(check, IDLE_AFTER_MS);
  for (const name of SIGNS) target.addEventListener(name, sign, { passive: true, capture: true });
  return () => {
    clearTimeout(timer);
    for (const name of SIGNS) target.removeEventListener(name, sign, { capture: true });
  };
}
