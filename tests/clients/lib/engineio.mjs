// engine.io-client in the major versions that are out there, behind one face.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Socket } = require('engine.io-client');
const socketOf3 = require('engine.io-client-3');

/** Which versions talk to which mount. */
export const CLIENTS = [
  { version: 6, revision: 4, path: '/engine.io/' },
  { version: 6, revision: 4, path: '/legacy-engine.io/' },
  { version: 3, revision: 3, path: '/legacy-engine.io/' },
];

/** name -> the transports that the client is told to use, in turn */
export const WAYS = { 'polling': ['polling'], 'websocket': ['websocket'], 'upgrade': ['polling', 'websocket'] };

/** A client, and what it has heard. */
export class Client {
  heard = [];
  beats = 0;
  errors = [];
  isOpen = false;
  isUpgraded = false;
  reason = null;
  #waiting = [];

  constructor(version, origin, path, transports) {
    const options = { path, transports };
    const socket = version === 3 ? socketOf3(origin, options) : new Socket(origin, options);
    this.socket = socket;
    const note = (event, how) => socket.on(event, (...told) => {
      how(...told);
      for (const look of this.#waiting.splice(0)) look();
    });
    note('open', () => { this.isOpen = true; });
    note('upgrade', () => { this.isUpgraded = true; });
    note('upgradeError', (error) => this.errors.push(`upgrade: ${error.message}`));
    // Version 6 hands on nothing at all where a text is empty.
    note('message', (data = '') => this.heard.push(typeof data === 'string' ? data : Buffer.from(data)));
    // Revision 4 is asked, revision 3 is answered.
    note(version === 3 ? 'pong' : 'ping', () => { this.beats += 1; });
    note('error', (error) => this.errors.push(error.message));
    note('close', (reason) => { this.isOpen = false; this.reason = reason; });
  }

  /** Goes on when this holds; an unforeseen end is a failure. */
  async until(holds) {
    while (!holds()) {
      if (this.reason !== null) throw new Error(`closed: ${this.reason}, ${this.errors}`);
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }

  async messages(count) {
    await this.until(() => this.heard.length >= count);
    return this.heard.splice(0, count);
  }

  async closed() {
    while (this.reason === null) await new Promise((resolve) => this.#waiting.push(resolve));
    return this.reason;
  }

  get transport() { return this.socket.transport.name; }
  get sid() { return this.socket.id; }
  send(data) { this.socket.send(data); }
  close() { this.socket.close(); }
}

/** A client that is open and, where it is to upgrade, has. */
export async function open({ version, path }, server, way) {
  const client = new Client(version, server.origin.replace('http', 'ws'), path, WAYS[way]);
  await client.until(() => client.isOpen && (way !== 'upgrade' || client.isUpgraded));
  return client;
}
