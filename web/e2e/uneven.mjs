/**
 * A network whose answers and dispatches overtake each other: `UNEVEN=7 npm run e2e` holds every request, or its answer, and every
 * frame of the gateway back for a while, as the seed has it. What is right must be right whatever comes first.
 */
const HTTP_MS = 1200;
const FRAME_MS = 800;

/** Numbers from 0 to 1 (mulberry32). */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs in the page: frames come later, in their order. */
function holdFrames(next, most) {
  const Outer = window.WebSocket;
  window.WebSocket = class extends Outer {
    #last = Promise.resolve();
    set onmessage(handler) {
      super.onmessage = (e) => {
        const ms = next() ** 3 * most;
        this.#last = this.#last
          .then(() => new Promise((done) => setTimeout(done, ms)))
          .then(() => handler.call(this, e));
      };
    }
  };
}

export async function makeUneven(context, seed) {
  const next = numbers(seed);
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await context.addInitScript({ content: `(${holdFrames})((${numbers})(${seed}), ${FRAME_MS})` });
  await context.route('**/api/**', async (route) => {
    const ms = next() ** 2 * HTTP_MS;
    if (next() < 0.5) {
      await wait(ms);
      return route.fallback().catch(() => {});
    }
    try {
      const response = await route.fetch();
      await wait(ms);
      await route.fulfill({ response });
    } catch {
      await route.abort().catch(() => {});
    }
  });
}
