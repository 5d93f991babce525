import { describe, expect, it } from 'vitest';
import { sourceOf, versionOf } from '../src/lib/shell';

const ORIGIN = 'https://chat.example';
const ask = (path: string, mode = 'navigate', method = 'GET') =>
  sourceOf({ method, mode, url: new URL(path, ORIGIN).href }, ORIGIN);

describe('the service worker', () => {
  it('opens every page of the client without a network', () => {
    for (const path of ['/', '/channels/@me', '/channels/1/2/3', '/invite/abc', '/login'])
      expect(ask(path)).toBe('server');
  });
  it('takes assets from what is kept', () => expect(ask('/assets/index-abc.js', 'cors')).toBe('cache'));
  it('leaves the API, files and other hosts alone', () => {
    for (const path of ['/api/v10/gateway', '/cdn/icons/1/a.png', '/media/x', '/sw.js', 'https://other.example/'])
      expect(ask(path)).toBe('browser');
    expect(ask('/api/v10/users/@me', 'cors')).toBe('browser');
    expect(ask('/channels/@me', 'navigate', 'POST')).toBe('browser');
  });
  it('keeps each build apart', () => {
    expect(versionOf('assets/a-1.js,assets/b-1.js')).not.toBe(versionOf('assets/a-2.js,assets/b-1.js'));
  });
});
