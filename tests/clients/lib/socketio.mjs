// socket.io-client in the major versions that are out there, behind one face, and the server they are to be tried with.

import { createRequire } from 'node:module';

import msgpack from 'socket.io-msgpack-parser';

import { conformance, reference, STACKS as FRAMEWORKS } from './server.mjs';
import { test } from './bounded.mjs';

const require = createRequire(import.meta.url);

const CLIENTS = { 4: require('socket.io-client').io, 3: require('socket.io-client-3').io, 2: require('socket.io-client-2') };

/** Whether Node's own server is tried, which is how a test is shown to be right: `npm run prove`. */
export const IS_REFERENCE = process.env.SOCKETIO_REFERENCE === '1';
export const STACKS = IS_REFERENCE ? ['Node'] : FRAMEWORKS;

/** A server whose `/socket.io/` leaves a busy machine the time to answer its heartbeats. */
export const serve = (stack, ...options) => {
  const all = ['--ping-interval-ms', '25000', '--ping-timeout-ms', '20000', ...options];
  return IS_REFERENCE ? reference(...all) : conformance('--stack', stack, ...all);
};

/** name -> the transports that the client is told to use, in turn */
export const WAYS = { 'polling': ['polling'], 'websocket': ['websocket'], 'upgrade': ['polling', 'websocket'] };

/** How long anything may take that is to happen: long, as only a failure waits for it. */
export const BOUND = 30_000;

/** A client's socket in one namespace, and what it has heard. */
export class Peer {
  heard = [];
  errors = [];
  reasons = [];
  connections = 0;
  beats = 0;
  #engine = null;
  #waiting = new Set();

  constructor(socket, version) {
    this.socket = socket;
    this.version = version;
    if (version === 2) this.#overhear();
    else socket.onAny((name, ...args) => this.#hear(name, args));
    socket.on('connect', () => { this.connections += 1; this.#wake(); });
    // Version 2 calls a refusal `error`.
    for (const name of ['connect_error', 'error']) {
      if (name === 'error' && version !== 2) continue;
      socket.on(name, (error) => {
        this.errors.push(error);
        this.#wake();
        setImmediate(() => this.#wake()); // the client tells first and closes then
      });
    }
    socket.on('disconnect', (reason) => { this.reasons.push(reason); this.#wake(); });
    this.manager.on('open', () => this.#follow());
    this.#follow();
  }

  /** Version 2 has no catch-all. */
  #overhear() {
    const { socket } = this;
    const onevent = socket.onevent;
    socket.onevent = (packet) => {
      const [name, ...args] = packet.data;
      this.#hear(name, packet.id === undefined ? args : [...args, socket.ack(packet.id)]);
      onevent.call(socket, packet);
    };
  }

  #hear(name, args) {
    this.heard.push({ name, args });
    this.#wake();
  }

  #follow() {
    const { engine } = this.manager;
    if (!engine || engine === this.#engine) return;
    this.#engine = engine;
    engine.on('upgrade', () => this.#wake());
    // Version 2 asks and says what it is answered; the others are asked, and version 3 says what it answers.
    engine.on(this.version === 4 ? 'ping' : 'pong', () => { this.beats += 1; this.#wake(); });
  }

  #wake() {
    for (const look of [...this.#waiting]) look();
  }

  /** Goes on when this gives something; the names of what was heard help to see why it does not. */
  until(find, what = find) {
    return new Promise((resolve, reject) => {
      const look = () => {
        try {
          const found = find();
          if (found) done(resolve, found);
        } catch (error) {
          done(reject, error);
        }
      };
      const done = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle(value);
      };
      const timer = setTimeout(() => {
        const names = this.heard.slice(0, 20).map(({ name }) => name);
        done(reject, new Error(`waited for ${what} in vain; heard [${names}], errors [${this.errors}], reasons [${this.reasons}]`));
      }, BOUND);
      this.#waiting.add(look);
      look();
    });
  }

  async connected(times = 1) {
    await this.until(() => {
      if (this.connections >= times) return true;
      // Nothing will come of it, which need not be waited for.
      if (!this.manager.reconnection() && this.manager.engine.readyState === 'closed') throw new Error(`no connection: ${this.errors}`);
      return false;
    }, 'a connection');
    return this;
  }

  async upgraded() {
    await this.until(() => this.transport === 'websocket', 'an upgrade');
    return this;
  }

  /** The arguments of the next event of this name, in order of arrival. */
  async next(name) {
    const { args } = await this.until(() => this.#take(name), `the event ${name}`);
    return args;
  }

  /** The first argument of each of the next events of this name. */
  async several(name, count) {
    const first = [];
    while (first.length < count) first.push((await this.next(name))[0]);
    return first;
  }

  #take(name) {
    const at = this.heard.findIndex((one) => one.name === name);
    return at < 0 ? null : this.heard.splice(at, 1)[0];
  }

  /** How often an event of this name was heard that nobody has taken. */
  count(name) { return this.heard.filter((one) => one.name === name).length; }

  /** All arguments of the acknowledgement. */
  ask(name, ...args) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no acknowledgement of ${name}`)), BOUND);
      this.socket.emit(name, ...args, (...answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  /** The one argument of the acknowledgement. */
  async get(name, ...args) { return (await this.ask(name, ...args))[0]; }

  /** Whatever the server sent before is here when this is over. */
  async settled() {
    const answer = await this.get('ack', 'settled');
    if (answer !== 'settled') throw new Error(`answered ${answer}`);
  }

  async refused(times = 1) {
    await this.until(() => this.errors.length >= times, 'a refusal');
    return this.errors[times - 1];
  }

  async closed(times = 1) {
    await this.until(() => this.reasons.length >= times, 'a disconnection');
    return this.reasons[times - 1];
  }

  emit(...args) { this.socket.emit(...args); return this; }
  get id() { return this.socket.id; }
  get manager() { return this.socket.io; }
  get transport() { return this.manager.engine.transport.name; }
  leave() { this.socket.disconnect(); }
}

/**
 * A test whose sockets end with it.
 *
 * `run` gets `connect`, which gives a `Peer` that has only begun to connect, and `join`, which gives one that has done so and,
 * where it is to upgrade, has upgraded. What it gives to `after` is done at the end, however that comes.
 */
export const sockets = (server) => (name, run) => test(name, async () => {
  const peers = [];
  const last = [];
  const after = (end) => last.push(end);
  const connect = (nsp, options) => {
    const peer = peerOf(options?.server ?? server(), nsp, options);
    peers.push(peer);
    return peer;
  };
  const join = async (nsp, options = {}) => {
    const peer = await connect(nsp, options).connected();
    return options.way === 'upgrade' ? peer.upgraded() : peer;
  };
  try {
    await run({ connect, join, after });
  } finally {
    for (const { manager, socket } of peers) {
      manager.reconnection(false);
      socket.disconnect();
      manager.engine?.close();
    }
    for (const end of last.reverse()) await end();
  }
});

/** A socket that has only begun to connect, and that whoever asks for it has to end. */
export function peerOf(server, nsp, { mount = '/socket.io/', way = 'websocket', version = 4, manager, server: _, ...options } = {}) {
  const parser = mount === '/msgpack.io/' ? { parser: msgpack } : {};
  // As a browser without CORS trouble would: no retries but where a test is about them.
  const all = { path: mount, transports: WAYS[way], forceNew: true, reconnection: false, ...parser, ...options };
  const socket = manager ? manager.socket(nsp, options) : CLIENTS[version](`${server.origin}${nsp}`, all);
  return new Peer(socket, socket.onAny ? version : 2);
}
