/** What `public/early.js` began before this code was there: a journey to the server and back is saved, and another for the socket. */

interface Early {
  url: Promise<string | null>;
  socket: WebSocket | null;
  /** Frames that have come already. */
  frames: MessageEvent[];
  /** The page connects itself: no socket is to be opened any more. */
  taken: boolean;
}

declare global {
  var consortEarly: Early | undefined;
}

/** Says to a script that comes late that nothing is to be begun any more. */
const nothing = (): Early => ({ url: Promise.resolve(null), socket: null, frames: [], taken: true });

/** The address of the gateway, if it was asked for and the answer came; it is used once. */
export async function earlyUrl(): Promise<string | null> {
  try {
    return await (globalThis.consortEarly ??= nothing()).url;
  } catch {
    return null;
  }
}

/** The socket that was opened early to this address, if it is still good. It is given once. */
export function takeSocket(url: string): (Pick<Early, 'frames'> & { socket: WebSocket }) | null {
  const early = globalThis.consortEarly;
  globalThis.consortEarly = nothing();
  if (!early) return null;
  early.taken = true;
  const { socket, frames } = early;
  if (!socket) return null;
  if (socket.readyState <= WebSocket.OPEN && socket.url === new URL(url).href) return { socket, frames };
  socket.close();
  return null;
}
