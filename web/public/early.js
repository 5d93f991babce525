// Begins while the code is still on its way; `src/lib/gateway/early.ts` takes over. It is no module, and imports nothing.
(() => {
  let token = null;
  try {
    token = JSON.parse(localStorage.getItem('consort:token') ?? 'null');
  } catch {
    // Storage may be forbidden: nobody is logged in then.
  }
  // The page may be there first: it connects itself then.
  if (!token || window.consortEarly) return;

  /** What draws the page: asked for when what connects, which was asked for before, is mostly there. */
  const lookAhead = () => {
    for (const href of document.querySelector('meta[name="ahead"]')?.content.split(' ') ?? []) {
      const style = href.endsWith('.css');
      const link = { rel: style ? 'preload' : 'modulepreload', as: style ? 'style' : 'script', crossOrigin: '', href };
      document.head.append(Object.assign(document.createElement('link'), link));
    }
  };

  const early = { socket: null, frames: [], taken: false };
  early.url = fetch('/api/v10/gateway')
    .then((answer) => answer.json())
    .then(({ url }) => {
      lookAhead();
      if (early.taken) return url;
      early.socket = new WebSocket(`${url.replace(/\/+$/, '')}/?v=10&encoding=json&compress=zlib-stream`);
      early.socket.binaryType = 'arraybuffer';
      early.socket.onmessage = (e) => early.frames.push(e);
      return url;
    });
  early.url.catch(() => {});
  window.consortEarly = early;
})();
