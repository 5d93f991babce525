import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { placeAbove, placeBelow, within } from '../src/components/ui/place';

const at = (left: number, top: number, width = 40, height = 30) =>
  ({ left, top, width, height, right: left + width, bottom: top + height }) as DOMRect;

describe('what lies over the page', () => {
  beforeAll(() => {
    vi.stubGlobal('innerWidth', 1000);
    vi.stubGlobal('innerHeight', 800);
  });
  afterAll(() => vi.unstubAllGlobals());

  it('moves into the window when it has become larger', () => {
    expect(within({ top: 600, left: 900 }, { width: 80, height: 150 })).toEqual({ top: 600, left: 900 });
    expect(within({ top: 600, left: 900 }, { width: 200, height: 400 })).toEqual({ top: 392, left: 792 });
    expect(within({ top: 600, left: 900 }, { width: 2000, height: 2000 })).toEqual({ top: 8, left: 8 });
  });

  it('hangs below what asked for it, and stands above it at the bottom', () => {
    expect(placeBelow(at(100, 100), { width: 200, height: 300 })).toEqual({ top: 134, left: 100 });
    expect(placeBelow(at(100, 700), { width: 200, height: 300 })).toEqual({ top: 396, left: 100 });
    expect(placeBelow(at(500, 100), { width: 200, height: 300 }, 'end').left).toBe(340);
    expect(placeAbove(at(500, 700), { width: 200, height: 300 })).toEqual({ top: 392, left: 340 });
    expect(placeAbove(at(500, 100), { width: 200, height: 300 })).toEqual({ top: 138, left: 340 });
  });
});
