import { describe, expect, it } from 'vitest';
import { Echoes } from '../src/lib/store/echoes';

describe('dispatches of what was clicked', () => {
  it('are recognised once, in their order', () => {
    const echoes = new Echoes();
    echoes.expect('a', true);
    echoes.expect('a', false);
    expect(echoes.is('a', true)).toBe(true);
    expect(echoes.is('a', false)).toBe(true);
    expect(echoes.is('a', false)).toBe(false);
  });

  it('do not hide what another device does', () => {
    const echoes = new Echoes();
    echoes.expect('a', true);
    expect(echoes.is('a', false)).toBe(false);
    expect(echoes.is('a', true)).toBe(false);
    expect(echoes.is('b', true)).toBe(false);
  });

  it('do not come of a click that was refused', () => {
    const echoes = new Echoes();
    echoes.expect('a', true);
    echoes.forget('a', true);
    expect(echoes.is('a', true)).toBe(false);
  });

  it('are waited for in a bounded number of places', () => {
    const echoes = new Echoes();
    for (let i = 0; i <= 200; i++) echoes.expect(String(i), true);
    expect(echoes.is('0', true)).toBe(false);
    expect(echoes.is('200', true)).toBe(true);
  });
});
