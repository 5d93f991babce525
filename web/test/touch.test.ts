import { expect, it } from 'vitest';
import { swipeOf } from '../src/lib/touch';

it.each([
  [200, 10, 200, 'right'],
  [-200, 10, 200, 'left'],
  [200, 150, 200, null],
  [30, 0, 100, null],
  [200, 0, 900, null],
])('a finger that goes %i, %i in %i ms: %s', (dx, dy, ms, to) => expect(swipeOf(dx, dy, ms)).toBe(to));
