/** Stickers that are drawn by a program (Lottie). The player is loaded with the first of them. */

type Player = typeof import('lottie-web/build/player/lottie_light');
type Drawing = ReturnType<Player['default']['loadAnimation']>;

const STILL = '(prefers-reduced-motion: reduce)';

export interface Drawn {
  /** Gives the program. */
  read: (signal: AbortSignal) => Promise<unknown>;
  onfailure: () => void;
}

/** Gives a program that lies on this server. */
export async function program(url: string, signal: AbortSignal): Promise<unknown> {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

/** Draws in an element: again and again while it is in sight, once where people want nothing to move. */
export function drawn(node: HTMLElement, { read, onfailure }: Drawn): { destroy(): void } {
  let drawing: Drawing | undefined;
  const away = new AbortController();
  const watch = new IntersectionObserver(([entry]) => {
    if (matchMedia(STILL).matches) return;
    if (entry?.isIntersecting) drawing?.play();
    else drawing?.pause();
  });

  async function begin() {
    const [{ default: player }, animationData] = await Promise.all([
      import('lottie-web/build/player/lottie_light'),
      read(away.signal),
    ]);
    if (away.signal.aborted) return;
    drawing = player.loadAnimation({ container: node, renderer: 'svg', loop: true, autoplay: false, animationData });
    drawing.goToAndStop(0, true);
    watch.observe(node);
  }
  begin().catch(() => away.signal.aborted || onfailure());

  return {
    destroy() {
      away.abort();
      watch.disconnect();
      drawing?.destroy();
    },
  };
}
