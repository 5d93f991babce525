/** A bot as a program of its own: a gateway session and the REST API, without a library. */
import { BASE_URL } from './harness.mjs';

const API = `${BASE_URL}/api/v10`;

export class Bot {
  handlers = new Map();
  seen = [];

  constructor(token) {
    this.token = token;
  }

  async rest(method, path, body) {
    const r = await fetch(API + path, {
      method,
      headers: { Authorization: `Bot ${this.token}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`);
    return r.status === 204 ? null : r.json();
  }

  /** Connects, and gives its own account; `heard` is told of what comes. */
  connect(intents = 0, heard = () => {}) {
    return new Promise((resolve, reject) => {
      const socket = (this.socket = new WebSocket(`${BASE_URL.replace(/^http/, 'ws')}/?v=10&encoding=json`));
      let seq = null;
      socket.onmessage = (e) => {
        const { op, d, t, s } = JSON.parse(e.data);
        if (s) seq = s;
        if (op === 10) {
          this.beat = setInterval(() => socket.send(JSON.stringify({ op: 1, d: seq })), d.heartbeat_interval);
          socket.send(
            JSON.stringify({
              op: 2,
              d: { token: this.token, intents, properties: { os: 'linux', browser: 'e2e', device: '' } },
            }),
          );
        } else if (t === 'READY') resolve(d.user);
        else if (t === 'INTERACTION_CREATE') void this.#interaction(d);
        else if (t) heard(t, d);
      };
      socket.onclose = (e) => {
        clearInterval(this.beat);
        reject(new Error(`closed with ${e.code}`));
      };
    });
  }

  /** Waits until the server ends the connection, and gives the code. */
  ended() {
    return new Promise((resolve) => {
      this.socket.onclose = (e) => {
        clearInterval(this.beat);
        resolve(e.code);
      };
    });
  }

  /** Sets what answers an interaction by name or custom id. */
  on(name, handler) {
    this.handlers.set(name, handler);
  }

  async #interaction(d) {
    this.seen.push(d);
    const name = d.data.custom_id ?? d.data.name;
    const answer = this.handlers.get(d.type === 4 ? `${name}?` : name);
    await answer?.(d, (body) => this.rest('POST', `/interactions/${d.id}/${d.token}/callback`, body));
  }

  close() {
    clearInterval(this.beat);
    this.socket.onclose = null;
    this.socket.close();
  }
}
