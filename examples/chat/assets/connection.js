// One connection to the room that comes back by itself, over whichever protocol and transport are chosen.

import { PROTOCOLS } from './protocols.js';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;

/**
 * Fires `state` (detail: {state, protocol, transport, retryAt, reason}), `moved` (detail: the same, when an open connection went
 * over to another transport) and `message` (detail: the parsed message).
 *
 * The states: idle -> connecting -> open -> waiting -> connecting -> ...
 */
export class Connection extends EventTarget {
  #protocol = 'sockjs';
  #chosen = '';
  #link = null;
  #failures = 0;
  #timer = 0;

  constructor() {
    super();
    // The system's word that the network is back is worth more than our guess.
    window.addEventListener('online', () => this.#timer && this.connect());
  }

  /** Uses this protocol and this transport alone from now on; '' lets the client find the best transport. */
  choose(protocol, transport) {
    this.#protocol = protocol;
    this.#chosen = transport;
    if (this.#link || this.#timer) {
      this.#failures = 0;
      this.connect();
    }
  }

  /** Connects at once, giving up any connection there is. */
  connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#drop();
    this.#tell('connecting', { transport: this.#chosen });

    const { open } = PROTOCOLS[this.#protocol];
    this.#link = open(this.#chosen, {
      opened: (transport) => this.#tell('open', { transport }),
      moved: (transport) => this.#tell('open', { transport }, 'moved'),
      heard: (message) => {
        this.#failures = 0;
        this.dispatchEvent(new CustomEvent('message', { detail: message }));
      },
      closed: (reason) => {
        this.#link = null;
        this.#wait(reason);
      },
    });
  }

  send(message) {
    this.#link?.send(message);
  }

  #wait(reason) {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures);
    this.#failures += 1;
    // A spread of half the wait keeps a restarted server from meeting everybody in the same instant.
    const wait = longest * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.connect(), wait);
    this.#tell('waiting', { retryAt: Date.now() + wait, reason });
  }

  #drop() {
    const link = this.#link;
    this.#link = null;
    link?.close();
  }

  #tell(state, details, event = 'state') {
    this.dispatchEvent(new CustomEvent(event, { detail: { state, protocol: this.#protocol, ...details } }));
  }
}
