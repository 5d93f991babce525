import { describe, expect, it } from 'vitest';
import { Permission, PERMISSION_INFO, sameOverwrites } from '../src/lib/permissions';

describe('overwrites', () => {
  it('are the same in any order, and whatever says nothing does not count', () => {
    const a = { id: '1', type: 0 as const, allow: '1024', deny: '0' };
    const b = { id: '2', type: 1 as const, allow: '0', deny: '2048' };
    expect(sameOverwrites([a, b], [b, a, { id: '3', type: 0, allow: '0', deny: '0' }])).toBe(true);
    expect(sameOverwrites([a], [{ ...a, type: 1 }])).toBe(false);
    expect(sameOverwrites([a], [{ ...a, deny: '1' }])).toBe(false);
  });
});

describe('permissions', () => {
  it('are each offered once', () => {
    expect(PERMISSION_INFO.map((p) => p.key).sort()).toEqual(Object.keys(Permission).sort());
  });
});
