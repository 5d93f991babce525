import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pace } from '../src/lib/gateway/pace';
import { Looking } from '../src/lib/looking';

const ON = { typing: true, activities: true, threads: true };
const OFF = { typing: false, activities: false, threads: false, channels: {} };
const rows = (from: number): [number, number][] => [[from, from + 99]];

describe('what is looked at', () => {
  let sent: object[];
  let looking: Looking;
  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    looking = new Looking(
      (subscriptions) => sent.push(subscriptions),
      () => Date.now(),
    );
  });
  afterEach(() => vi.useRealTimers());

  it('is told when it changes, together with what is not looked at any more', () => {
    expect(looking.turnTo('1')).toBeNull();
    expect(looking.turnTo('1')).toBeNull();
    expect(looking.turnTo('2')).toBe('1');
    expect(looking.turnTo(null)).toBe('2');
    expect(sent).toEqual([{ 1: ON }, { 1: OFF, 2: ON }, { 2: OFF }]);
  });

  it('is told again to a new session', () => {
    looking.begin();
    looking.turnTo('1');
    looking.begin();
    expect(sent).toEqual([{ 1: ON }, { 1: ON }]);
  });

  it('is the last of many ranges, and few of those between', () => {
    looking.turnTo('1');
    for (let i = 0; i < 1_000; i++) {
      looking.show('1', '10', rows(i * 100));
      vi.advanceTimersByTime(16);
    }
    vi.advanceTimersByTime(2_000);
    expect(sent.at(-1)).toEqual({ 1: { ...ON, channels: { 10: rows(99_900) } } });
    expect(sent.length).toBeGreaterThan(20);
    expect(sent.length).toBeLessThan(60);
  });

  it('gives a list up when it stays closed', () => {
    looking.turnTo('1');
    looking.show('1', '10', rows(0));
    looking.hide('1');
    looking.show('1', '11', rows(0));
    vi.advanceTimersByTime(10_000);
    expect(sent).toHaveLength(3);
    looking.hide('1');
    vi.advanceTimersByTime(10_000);
    expect(sent.at(-1)).toEqual({ 1: { channels: {} } });
  });

  it('forgets the list of a guild that it turns from', () => {
    looking.turnTo('1');
    looking.show('1', '10', rows(0));
    looking.hide('1');
    looking.turnTo(null);
    vi.advanceTimersByTime(10_000);
    expect(sent.at(-1)).toEqual({ 1: OFF });
  });
});

it('commands never come to more than the gateway allows', () => {
  const pace = new Pace();
  const taken: number[] = [];
  for (let now = 0; now < 180_000; now += 5) {
    if (pace.wait(now) > 0) continue;
    pace.take(now);
    taken.push(now);
  }
  for (const at of taken) expect(taken.filter((t) => t >= at && t < at + 60_000).length).toBeLessThanOrEqual(101);
});
