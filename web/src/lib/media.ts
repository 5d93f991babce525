/** Pictures and files by address. Only this server is asked for them, so that nobody else learns who reads what, and when. */

const FILES = /^\/(cdn|media)\//;

/** The address of a file of this server on the page's own origin, whatever name the server gave it; null for one elsewhere. */
export function localUrl(url: string | undefined): string | null {
  if (!url) return null;
  try {
    const parsed = new URL(url, location.origin);
    if (parsed.protocol === 'blob:' || parsed.protocol === 'data:') return url;
    return FILES.test(parsed.pathname) ? parsed.pathname + parsed.search : null;
  } catch {
    return null;
  }
}

/** Where a picture is fetched from: the server's proxy, or the server itself. Null when it would have to come from elsewhere. */
export function pictureUrl(media: { url: string; proxy_url?: string }): string | null {
  return localUrl(media.proxy_url) ?? (isOwn(media.url) ? localUrl(media.url) : null);
}

function isOwn(url: string): boolean {
  try {
    return new URL(url, location.origin).origin === location.origin;
  } catch {
    return false;
  }
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** What a link says about where it leads: an address other than its own, if its text names one. */
export function claimedHost(text: string, href: string): string | null {
  const trimmed = text.trim();
  const m =
    /^(?:https?:\/\/)?((?:[\p{L}\p{N}-]+\.)+[\p{L}]{2,})(?::\d+)?(?:[/?#].*)?$/iu.exec(trimmed) ??
    /https?:\/\/([^\s/?#]+)/i.exec(trimmed);
  if (!m) return null;
  const claimed = m[1]!.toLowerCase().replace(/^www\./, '');
  return claimed ===
    hostOf(href)
      .toLowerCase()
      .replace(/^www\./, '')
      .replace(/:\d+$/, '')
    ? null
    : claimed;
}
