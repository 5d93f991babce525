import { beforeAll, describe, expect, it, vi } from 'vitest';

vi.stubGlobal('location', { origin: 'https://chat.example' });
let media: typeof import('../src/lib/media');
beforeAll(async () => {
  media = await import('../src/lib/media');
});

describe('pictures', () => {
  it('come from the page’s own origin, whatever name the server gave its files', () => {
    expect(media.localUrl('http://10.0.0.1:8080/cdn/attachments/1/2/a.png?ex=1')).toBe(
      '/cdn/attachments/1/2/a.png?ex=1',
    );
    expect(
      media.pictureUrl({
        url: 'https://tracker.example/p.png',
        proxy_url: 'https://other.example/media/external/x/p.png',
      }),
    ).toBe('/media/external/x/p.png');
    expect(media.pictureUrl({ url: 'https://chat.example/cdn/icons/1/a.png' })).toBe('/cdn/icons/1/a.png');
  });
  it('of somebody else’s host are not fetched', () => {
    for (const url of [
      'https://tracker.example/p.png',
      'https://tracker.example/cdn/p.png',
      'javascript:alert(1)',
      'nonsense',
    ])
      expect(media.pictureUrl({ url })).toBeNull();
  });
});

describe('the words of a link', () => {
  it.each([
    ['https://bank.example', 'https://evil.example/', 'bank.example'],
    ['bank.example/login', 'https://evil.example/', 'bank.example'],
    ['Go to http://bank.example now', 'https://evil.example/', 'bank.example'],
    ['www.bank.example', 'https://bank.example/', null],
    ['https://BANK.example/x', 'https://bank.example/y', null],
    ['read this', 'https://evil.example/', null],
    ['version 1.2.3', 'https://evil.example/', null],
  ])('%j leading to %s name %s', (text, href, claimed) => expect(media.claimedHost(text, href)).toBe(claimed));
});
