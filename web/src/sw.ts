/**
 * The service worker: the page opens without a network. Assets have the hash of their content in their names, so the kept ones
 * are as good as the server's; the page itself comes from the server whenever it can be reached. The API is left alone.
 */
import { sourceOf, versionOf } from './lib/shell';

/** The names of the build's files, put here by `offline.ts`. */
const FILES = '__FILES__';
const CACHE = `consort-${versionOf(FILES)}`;
const PAGE = '/';

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([PAGE, '/favicon.svg', '/manifest.webmanifest', ...FILES.split(',').map((name) => `/${name}`)]);
}

/** What an earlier build has left; this worker takes over when no page of that build is open any more. */
async function sweep(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith('consort-') && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function fromCacheFirst(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

async function pageFromServerFirst(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(PAGE);
    if (kept) return kept;
    throw error;
  }
}

addEventListener('install', (event) => (event as Extendable).waitUntil(keep()));
addEventListener('activate', (event) => (event as Extendable).waitUntil(sweep()));
addEventListener('fetch', (event) => {
  const { request } = event as Fetching;
  const source = sourceOf(request, location.origin);
  if (source === 'cache') (event as Fetching).respondWith(fromCacheFirst(request));
  else if (source === 'server') (event as Fetching).respondWith(pageFromServerFirst(request));
});
