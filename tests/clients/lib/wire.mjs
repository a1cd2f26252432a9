// Engine.IO by hand, for saying what no client would say and for seeing what a client would not show.

import { WebSocket } from 'ws';

import { BOUND } from './socketio.mjs';
import { test } from './bounded.mjs';

const MARK = '\x1e';

/** A text as it is, bytes as a Buffer. */
const packetOf = (text) => (text.startsWith('b') ? Buffer.from(text.slice(1), 'base64') : text);

/** What arrives, in order, for who waits. */
class Inbox {
  #arrived = [];
  #waiting = [];
  #isOver = false;

  push(one) {
    this.#arrived.push(one);
    this.#serve();
  }

  end() {
    this.#isOver = true;
    this.#serve();
  }

  #serve() {
    while (this.#waiting.length && (this.#arrived.length || this.#isOver)) this.#waiting.shift()(this.#arrived.shift());
  }

  /** The next, or nothing if none will come. */
  next(what) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited for ${what} in vain`)), BOUND);
      this.#waiting.push((one) => { clearTimeout(timer); resolve(one); });
      this.#serve();
    });
  }
}

/** A session over a WebSocket. Heartbeats are answered and not shown, where `isQuiet` does not say otherwise. */
export class RawWebSocket {
  #inbox = new Inbox();
  code = null;

  static async open(server, { mount = '/socket.io/', revision = 4, query = '', sid, isQuiet = false, ...options } = {}) {
    const raw = new RawWebSocket();
    raw.isQuiet = isQuiet;
    const session = sid ? `&sid=${sid}` : '';
    const socket = new WebSocket(`${server.origin.replace('http', 'ws')}${mount}?EIO=${revision}&transport=websocket${session}${query}`, options);
    raw.socket = socket;
    raw.isClosed = new Promise((resolve) => socket.on('close', (code) => { raw.code = code; raw.#inbox.end(); resolve(code); }));
    socket.on('message', (data, isBinary) => {
      const packet = isBinary ? data : data.toString();
      if (packet === '2' && !raw.isQuiet) return socket.send('3');
      return raw.#inbox.push(packet);
    });
    socket.on('upgrade', ({ headers }) => { raw.headers = headers; });
    await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
    if (!sid) raw.handshake = JSON.parse((await raw.receive()).slice(1));
    return raw;
  }

  send(...packets) {
    for (const packet of packets) this.socket.send(packet);
    return this;
  }

  /** The next packet; undefined after the end. */
  receive() { return this.#inbox.next('a packet'); }

  async several(count) {
    const packets = [];
    while (packets.length < count) packets.push(await this.receive());
    return packets;
  }

  /** The packets until the server closes. */
  async rest() {
    const packets = [];
    for (let packet = await this.receive(); packet !== undefined; packet = await this.receive()) packets.push(packet);
    return packets;
  }

  close() { this.socket.terminate(); }
}

/** A session over polling; nobody polls but who calls `poll` or `receive`. */
export class RawPolling {
  #arrived = [];

  static async open(server, { mount = '/socket.io/', revision = 4, query = '', headers } = {}) {
    const raw = new RawPolling();
    const url = `${server.origin}${mount}?EIO=${revision}&transport=polling`;
    raw.first = await fetch(`${url}${query}`, { headers });
    const [open, ...more] = (await raw.first.text()).split(MARK);
    raw.handshake = JSON.parse(open.slice(1));
    raw.#arrived.push(...more.map(packetOf));
    raw.sid = raw.handshake.sid;
    raw.url = `${url}&sid=${raw.sid}`;
    return raw;
  }

  /** One GET: status and packets. */
  async poll(headers) {
    const answer = await fetch(this.url, { headers });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, packets: answer.status === 200 ? text.split(MARK).map(packetOf) : [] };
  }

  /** One POST of these packets. */
  async post(...packets) {
    const body = packets.map((packet) => (Buffer.isBuffer(packet) ? `b${packet.toString('base64')}` : packet)).join(MARK);
    const answer = await fetch(this.url, { method: 'POST', body, headers: { 'content-type': 'text/plain;charset=UTF-8' } });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  /** Polls until there is a packet that is no heartbeat; undefined after the end. */
  async receive() {
    while (!this.#arrived.length) {
      const { status, packets } = await this.poll();
      if (status !== 200) return undefined;
      for (const packet of packets) {
        if (packet === '2') await this.post('3');
        else this.#arrived.push(packet);
      }
    }
    return this.#arrived.shift();
  }

  async several(count) {
    const packets = [];
    while (packets.length < count) packets.push(await this.receive());
    return packets;
  }

  /** The packets until the session is over, but for what only tells so. */
  async rest() {
    const packets = [];
    for (let packet = await this.receive(); packet !== undefined; packet = await this.receive()) {
      if (packet !== '6') packets.push(packet);
      if (packet === '1') break;
    }
    return packets.at(-1) === '1' ? packets.slice(0, -1) : packets;
  }

  send(...packets) { return this.post(...packets); }
  close() { return this.post('1'); }
}

/** A test whose sessions end with it. `open` gives one by its kind, and `joined` one that is in a namespace. What `after` gets is done at the end. */
export const wires = (server) => (name, run) => test(name, async () => {
  const sessions = [];
  const last = [];
  const keep = (session) => { sessions.push(session); return session; };
  const open = async (kind, options) => keep(await KINDS[kind].open(options?.server ?? server(), options));
  const joined = async (kind, nsp, options) => {
    const session = await open(kind, options);
    await session.send(nsp === '/' ? '40' : `40${nsp},`);
    const answer = await session.receive();
    session.id = JSON.parse(answer.slice(answer.indexOf('{'))).sid;
    if (nsp === '/') await session.receive(); // its `auth`
    return session;
  };
  try {
    await run({ open, joined, after: (end) => last.push(end) });
  } finally {
    for (const session of sessions) await session.close();
    for (const end of last.reverse()) await end();
  }
});

export const KINDS = { websocket: RawWebSocket, polling: RawPolling };
