// The application of the contract: every namespace but `/admin`.

import { randomUUID } from 'node:crypto';

export const NODE = randomUUID();

/** What `/admin` tells of a mount's past. */
export class Journal {
  #sockets = new Map();
  errors = [];

  constructor(io) {
    io.engine.on('connection_error', ({ code, message }) => {
      this.errors.push({ code, message });
      if (this.errors.length > 50) this.errors.shift();
    });
  }

  follow(socket) {
    const lines = this.#sockets.get(socket.id) ?? [];
    this.#sockets.set(socket.id, lines);
    if (this.#sockets.size > 5000) this.#sockets.delete(this.#sockets.keys().next().value);
    lines.push('connection');
    socket.on('disconnecting', (reason) => lines.push(`disconnecting ${reason} ${sortedRooms(socket).join(',')}`));
    socket.on('disconnect', (reason) => lines.push(`disconnect ${reason}`));
  }

  of(id) { return this.#sockets.get(id) ?? []; }
}

export const sortedRooms = ({ rooms }) => [...rooms].sort();

export function namespaces(io, journal) {
  for (const name of ['/', '/custom']) io.of(name).on('connection', plain(io.of(name)));

  const features = io.of('/features');
  features.on('ss-note', (value) => features.local.emit('ss-got', NODE, value));
  features.on('ss-ask', (value, answer) => answer({ node: NODE, value }));
  features.on('connection', (socket) => {
    journal.follow(socket);
    basics(socket);
    tells(socket);
    changes(socket);
    broadcasts(features, socket);
    middlewares(socket);
    catchAlls(socket);
  });

  authRequired(io.of('/auth-required'), journal);
  io.of('/refused').use((_, next) => next(new Error('nope')));
  const slow = io.of('/slow');
  slow.use((_, next) => setTimeout(next, 300));
  slow.on('connection', (socket) => socket.on('ack', (...args) => args.pop()(...args)));
  dynamic(io, journal);
}

const plain = (namespace) => (socket) => {
  socket.emit('auth', socket.handshake.auth ?? {});
  socket.on('message', (...args) => socket.emit('message-back', ...args));
  socket.on('message-with-ack', (...args) => args.pop()(...args));
  socket.on('broadcast', (...args) => namespace.emit('broadcast', ...args));
};

function basics(socket) {
  socket.on('echo', (...args) => socket.emit('echo-back', ...args));
  socket.on('ack', (...args) => args.pop()(...args));
  socket.on('ack-none', (ack) => ack());
  socket.on('ack-double', (ack) => { ack('first'); ack('second'); });
  socket.on('ack-later', (ms, value, ack) => setTimeout(() => ack(value), ms));
  socket.on('never', () => {});
  socket.on('ask', (event, args, timeout) => {
    if (timeout === 0) {
      socket.emit(event, ...args, (...answer) => socket.emit('ask-result', { ok: true, args: answer }));
    } else {
      socket.timeout(timeout).emit(event, ...args, (error, ...answer) =>
        socket.emit('ask-result', error ? { ok: false, error: error.message } : { ok: true, args: answer }));
    }
  });
  socket.on('send-many', (n, ack) => {
    for (let i = 0; i < n; i += 1) socket.emit('n', i);
    ack?.(n);
  });
  socket.on('ticks', (count, ms) => {
    let i = 0;
    const timer = setInterval(() => {
      if (i < count) socket.emit('tick', i++);
      if (i >= count) clearInterval(timer);
    }, ms);
    socket.on('disconnect', () => clearInterval(timer));
  });
  socket.on('bin-out', () => socket.emit('bin', Buffer.from([0, 1, 2, 255]), {
    a: [Buffer.from([0xaa]), 't'], b: { c: Buffer.from([0xbb, 0xcc]) }, n: null,
  }));
  socket.on('bin-len', (bytes, ack) => ack(Buffer.isBuffer(bytes) ? bytes.length : -1));
  socket.on('big', (size, compress) => socket.compress(compress).emit('blob', 'x'.repeat(size)));
  socket.on('volatile-burst', (n) => {
    for (let i = 0; i < n; i += 1) socket.volatile.emit('v', i);
    socket.emit('v-done', n);
  });
}

function tells(socket) {
  socket.on('handshake', (ack) => {
    const { auth, query, headers, url, address, secure, xdomain, issued, time } = socket.handshake;
    ack({
      id: socket.id, nsp: socket.nsp.name, auth, query, headers, url, address, secure, xdomain, issued, time,
      protocol: socket.conn.protocol, recovered: socket.recovered ?? false, connected: socket.connected,
    });
  });
  const seen = [socket.conn.transport.name];
  const note = ({ name }) => seen.push(name);
  socket.conn.on('upgrade', note);
  socket.on('disconnect', () => socket.conn.off('upgrade', note));
  socket.on('transport', (ack) => ack(socket.conn.transport.name));
  socket.on('transports-seen', (ack) => ack(seen));
  socket.on('rooms', (ack) => ack(sortedRooms(socket)));
  socket.on('get-data', (ack) => ack(socket.data));
  socket.on('node', (ack) => ack(NODE));
}

function changes(socket) {
  socket.on('join', (rooms, ack) => { socket.join(rooms); ack(sortedRooms(socket)); });
  socket.on('leave', (room, ack) => { socket.leave(room); ack(sortedRooms(socket)); });
  socket.on('set-data', (data, ack) => ack(Object.assign(socket.data, data)));
  socket.on('disconnect-me', (close) => socket.disconnect(close));
}

function broadcasts(namespace, socket) {
  const selected = ({ from, to = [], except = [], local, volatile, compress }) => {
    let targets = from === 'nsp' ? namespace.except([]) : socket.broadcast;
    if (to.length) targets = targets.to(to);
    if (except.length) targets = targets.except(except);
    if (local) targets = targets.local;
    if (volatile) targets = targets.volatile;
    if (compress !== undefined) targets = targets.compress(compress);
    return targets;
  };
  socket.on('bc', (options, event, ...args) => {
    const ack = typeof args.at(-1) === 'function' ? args.pop() : () => {};
    selected(options).emit(event, ...args);
    ack(true);
  });
  socket.on('bc-ack', (options, event, ...args) => {
    const ack = args.pop();
    selected(options).timeout(options.timeout ?? 1000).emit(event, ...args, gathered(ack));
  });
}

/** What came of a broadcast with acknowledgements, as the contract tells it. */
export const gathered = (ack) => (error, responses) =>
  ack(error ? { ok: false, error: error.message, responses } : { ok: true, responses });

function middlewares(socket) {
  const BLOCKED = 'blocked by middleware';
  socket.use((event, next) => {
    if (event[0] === 'blocked') return next(new Error(BLOCKED));
    if (event[0] === 'mutate') event[1] = `mutated:${event[1]}`;
    return next();
  });
  // A client may send an event of this name too.
  socket.on('error', (error) => { if (error?.message === BLOCKED) socket.emit('mw-error', BLOCKED); });
  socket.on('blocked', (...args) => {
    socket.emit('blocked-back');
    if (typeof args.at(-1) === 'function') args.pop()('dispatched');
  });
  socket.on('mutate', (value) => socket.emit('mutate-back', value));
}

function catchAlls(socket) {
  socket.onAny((name, ...args) => {
    if (typeof args.at(-1) === 'function') args.pop();
    if (typeof name === 'string' && name.startsWith('any:')) socket.emit('any-seen', name, args);
  });
  const outgoing = [];
  socket.onAnyOutgoing((name) => {
    outgoing.push(name);
    if (outgoing.length > 20) outgoing.shift();
  });
  socket.on('outgoing', (ack) => ack(outgoing));
}

function authRequired(namespace, journal) {
  let count = 0;
  const told = ({ handshake: { auth } }) => auth ?? {};
  namespace.use((socket, next) => {
    count += 1;
    socket.data.mw = ['first'];
    next();
  });
  namespace.use((socket, next) => {
    if (told(socket).token !== 'secret') {
      return next(Object.assign(new Error('unauthorized'), { data: { code: 401, hint: 'token' } }));
    }
    socket.data.mw.push('second');
    return next();
  });
  namespace.on('connection', (socket) => {
    journal.follow(socket);
    socket.emit('welcome', { mw: socket.data.mw, user: told(socket).user ?? null });
    socket.on('mw-count', (ack) => ack(count));
  });
}

function dynamic(io, journal) {
  const parent = io.of(/^\/dyn-\d+$/);
  parent.use((socket, next) => { socket.data.parent = true; next(); });
  parent.on('connection', (socket) => {
    journal.follow(socket);
    socket.emit('ns', socket.nsp.name);
    socket.on('parent-bc', (value) => parent.emit('from-parent', value));
    socket.on('sib', (value) => socket.nsp.emit('from-ns', value));
    socket.on('get-data', (ack) => ack(socket.data));
  });
  io.of((name, auth, decide) => decide(null, name.startsWith('/fn-') && auth?.allow === true))
    .on('connection', (socket) => socket.emit('ns', socket.nsp.name));
}
