/** Where the person is, kept in the address bar. */
import type { Id } from './types';

export type Route =
  | { page: 'login' | 'register' }
  | { page: 'invite'; code: string }
  | { page: 'authorize'; clientId: Id; permissions: string; guildId?: Id }
  | { page: 'home' }
  | { page: 'channel'; guildId: Id | null; channelId: Id | null; messageId: Id | null };

const ID = /^\d{1,20}$/;
const id = (part: string | undefined): Id | null => (part && ID.test(part) ? part : null);

/** Reads an address; what it does not know is home. */
export function parseRoute(path: string, search = ''): Route {
  const parts = path.split('/').filter(Boolean);
  const query = new URLSearchParams(search);
  switch (parts[0]) {
    case 'login':
    case 'register':
      return { page: parts[0] };
    case 'invite':
      if (parts[1]) return { page: 'invite', code: decodeURIComponent(parts[1]) };
      break;
    case 'oauth2':
      if (parts[1] === 'authorize' && id(query.get('client_id') ?? undefined)) {
        return {
          page: 'authorize',
          clientId: query.get('client_id')!,
          permissions: query.get('permissions') ?? '0',
          guildId: query.get('guild_id') ?? undefined,
        };
      }
      break;
    case 'channels':
      if (parts[1] === '@me')
        return parts[2]
          ? { page: 'channel', guildId: null, channelId: id(parts[2]), messageId: id(parts[3]) }
          : { page: 'home' };
      if (id(parts[1]))
        return { page: 'channel', guildId: parts[1]!, channelId: id(parts[2]), messageId: id(parts[3]) };
      break;
  }
  return { page: 'home' };
}

export function channelPath(guildId: Id | null | undefined, channelId?: Id | null, messageId?: Id | null): string {
  return ['/channels', guildId ?? '@me', channelId, messageId].filter(Boolean).join('/');
}

class Router {
  route = $state.raw<Route>(parseRoute(location.pathname, location.search));
  /** The channel last open in each guild, to come back to. */
  readonly lastChannel = new Map<Id, Id>();
  /** Counts navigations, so that going to the same message again is noticed. */
  visits = $state(0);

  /** Begins to follow the back button; once, when the page starts. */
  start(): void {
    addEventListener('popstate', () => {
      // What lay over the page was closed: the place is the same.
      if (location.pathname + location.search !== this.#at) this.#read();
    });
  }

  #at = location.pathname + location.search;

  #read(): void {
    this.#at = location.pathname + location.search;
    this.route = parseRoute(location.pathname, location.search);
    this.visits += 1;
  }

  go(path: string, replace = false): void {
    // An entry that only stands for something open over the page gives way to the next place.
    const instead = replace || history.state?.over === true;
    if (path !== location.pathname + location.search) history[instead ? 'replaceState' : 'pushState'](null, '', path);
    this.#read();
  }

  openChannel(guildId: Id | null | undefined, channelId?: Id | null, messageId?: Id | null, replace = false): void {
    if (guildId && channelId) this.lastChannel.set(guildId, channelId);
    this.go(channelPath(guildId, channelId, messageId), replace);
  }
}

export const router = new Router();

/** Makes ordinary links go through the router, except when the person asks for a new tab. */
export function link(node: HTMLAnchorElement): { destroy(): void } {
  const onclick = (e: MouseEvent) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey) return;
    e.preventDefault();
    router.go(new URL(node.href).pathname + new URL(node.href).search);
  };
  node.addEventListener('click', onclick);
  return { destroy: () => node.removeEventListener('click', onclick) };
}
