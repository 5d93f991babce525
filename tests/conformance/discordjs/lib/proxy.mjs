// A TCP proxy in front of the server, whose connections can be cut and held back.
//
// The server may announce its own address as the gateway's. Where that address passes by in clear text the
// proxy puts its own there, which has as many digits, so that no length changes.
import net from 'node:net';

export class Proxy {
  #open = new Set();
  #held = [];
  #holding = false;

  /** Listens on a port with as many digits as the server's. */
  static async before(host, port) {
    for (;;) {
      const proxy = new Proxy();
      proxy.server = net.createServer((client) => proxy.#accept(client));
      proxy.target = { host, port };
      await new Promise((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
      proxy.port = proxy.server.address().port;
      if (String(proxy.port).length === String(port).length) return proxy;
      proxy.server.close();
    }
  }

  /** Cuts every connection at once and holds back new ones. */
  cut() {
    this.#holding = true;
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  /** Lets held and new connections through again. */
  release() {
    this.#holding = false;
    for (const client of this.#held.splice(0)) this.#connect(client);
  }

  close() {
    this.cut();
    for (const client of this.#held) client.destroy();
    this.server.close();
  }

  #accept(client) {
    client.on('error', () => client.destroy());
    if (this.#holding) this.#held.push(client);
    else this.#connect(client);
  }

  #connect(client) {
    const upstream = net.connect(this.target);
    const own = Buffer.from(`127.0.0.1:${this.port}`);
    const theirs = Buffer.from(`127.0.0.1:${this.target.port}`);
    let kept = Buffer.alloc(0);
    this.#open.add(client).add(upstream);
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      const data = Buffer.concat([kept, chunk]);
      for (let at = data.indexOf(theirs); at >= 0; at = data.indexOf(theirs, at)) own.copy(data, at);
      const keep = unfinished(data, theirs);
      kept = data.subarray(data.length - keep);
      client.write(data.subarray(0, data.length - keep));
    });
    upstream.on('end', () => client.end(kept));
    const gone = () => {
      client.destroy();
      upstream.destroy();
      this.#open.delete(client);
      this.#open.delete(upstream);
    };
    upstream.on('error', gone).on('close', gone);
    client.on('close', gone);
  }
}

/** How many bytes at the end of `data` may be the beginning of `needle`. */
function unfinished(data, needle) {
  for (let size = Math.min(needle.length - 1, data.length); size > 0; size -= 1) {
    if (data.subarray(data.length - size).equals(needle.subarray(0, size))) return size;
  }
  return 0;
}
