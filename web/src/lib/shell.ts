/** What the service worker decides, without its browser. */

/** Where an answer comes from first: the kept files, the server with the kept page behind it, or what the browser does anyway. */
export function sourceOf(
  request: { method: string; url: string; mode: string },
  origin: string,
): 'cache' | 'server' | 'browser' {
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== origin) return 'browser';
  if (url.pathname.startsWith('/assets/')) return 'cache';
  const last = url.pathname.split('/').at(-1) ?? '';
  const isPage = request.mode === 'navigate' && !/^\/(api|cdn|media)\//.test(url.pathname) && !last.includes('.');
  return isPage ? 'server' : 'browser';
}

/** A short name of a list of files (FNV-1a, 32 bits); files have hashes in their names, so another build has another one. */
export function versionOf(files: string): string {
  let hash = 0x811c9dc5;
  for (const char of files) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  return hash.toString(16);
}
