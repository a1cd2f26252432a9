// One connection to the room that comes back by itself, over whichever transport is chosen.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;

/**
 * Fires `state` (detail: {state, transport, retryAt, reason}) and `message` (detail: the parsed message).
 *
 * The states: idle -> connecting -> open -> waiting -> connecting -> ...
 */
export class Connection extends EventTarget {
  #url;
  #chosen = '';
  #socket = null;
  #failures = 0;
  #timer = 0;

  constructor(url) {
    super();
    this.#url = url;
    // The system's word that the network is back is worth more than our guess.
    window.addEventListener('online', () => this.#timer && this.connect());
  }

  /** Uses this transport alone from now on; '' lets SockJS find the best one. */
  choose(transport) {
    this.#chosen = transport;
    if (this.#socket || this.#timer) {
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

    const transports = this.#chosen ? [this.#chosen] : undefined;
    const socket = new SockJS(this.#url, null, { transports });
    this.#socket = socket;
    socket.onopen = () => this.#tell('open', { transport: socket.transport });
    socket.onmessage = (event) => {
      this.#failures = 0;
      this.dispatchEvent(new CustomEvent('message', { detail: JSON.parse(event.data) }));
    };
    socket.onclose = (event) => {
      this.#socket = null;
      this.#wait(reasonOf(event, this.#chosen));
    };
  }

  send(message) {
    this.#socket?.send(JSON.stringify(message));
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
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #tell(state, details) {
    this.dispatchEvent(new CustomEvent('state', { detail: { state, ...details } }));
  }
}

function reasonOf(event, chosen) {
  if (event.code === 2000 && chosen) return `${chosen} does not get through`;
  if (event.code === 2000) return 'no transport gets through';
  if (event.code === 1001) return 'the server is restarting';
  if (event.code === 1002) return 'the server does not answer';
  // Below 3000 the reason is the client's own shorthand for what it met.
  return event.code >= 3000 && event.reason ? event.reason.toLowerCase() : 'the connection was lost';
}
