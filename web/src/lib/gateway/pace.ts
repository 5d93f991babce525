/**
 * Spaces commands that follow a gesture, such as the ranges of a list that is scrolled: the first goes at once, the last when the
 * gesture pauses, those between now and then. The gateway closes connections that send more than 120 commands a minute.
 */

/** A pause of the gesture. */
const PAUSE_MS = 80;
/** Between two commands while the gesture goes on. */
const SPACE_MS = 600;
/** Commands that may go in quick succession. */
const BURST = 40;
/** After those, one in so long: with the burst 100 a minute, which leaves some to others. */
const REFILL_MS = 1_000;

export class Pace {
  #tokens = BURST;
  #countedAt = -Infinity;
  #sentAt = -Infinity;

  /** How long what is wanted since `now` has to wait, if nothing else is wanted meanwhile; 0 when it may go now. */
  wait(now: number): number {
    this.#refill(now);
    const forToken = this.#tokens >= 1 ? 0 : (1 - this.#tokens) * REFILL_MS;
    return Math.max(forToken, Math.min(PAUSE_MS, this.#sentAt + SPACE_MS - now), 0);
  }

  /** A command goes. */
  take(now: number): void {
    this.#refill(now);
    this.#tokens -= 1;
    this.#sentAt = now;
  }

  #refill(now: number): void {
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#countedAt) / REFILL_MS);
    this.#countedAt = now;
  }
}
