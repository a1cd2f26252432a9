// `/admin`: acts on the mount it belongs to.

import { gathered, sortedRooms } from './app.mjs';

export function admin(io, journal) {
  const selected = ({ nsp, to = [], except = [], local }) => {
    let targets = io.of(nsp).except(except);
    if (to.length) targets = targets.to(to);
    return local ? targets.local : targets;
  };

  io.of('/admin').on('connection', (socket) => {
    socket.on('fetch', async (sel, ack) => {
      try {
        const found = await selected(sel).fetchSockets();
        ack(found
          .map((one) => ({ id: one.id, rooms: sortedRooms(one), data: one.data, auth: one.handshake.auth, query: one.handshake.query }))
          .sort((a, b) => (a.id < b.id ? -1 : 1)));
      } catch (error) {
        ack({ error: error.message });
      }
    });
    socket.on('emit', (sel, event, ...args) => {
      const ack = args.pop();
      selected(sel).emit(event, ...args);
      ack(true);
    });
    socket.on('emit-ack', (sel, timeout, event, ...args) => {
      const ack = args.pop();
      selected(sel).timeout(timeout).emit(event, ...args, gathered(ack));
    });
    socket.on('join', (sel, rooms, ack) => { selected(sel).socketsJoin(rooms); ack(true); });
    socket.on('leave', (sel, rooms, ack) => { selected(sel).socketsLeave(rooms); ack(true); });
    socket.on('kick', (sel, close, ack) => { selected(sel).disconnectSockets(close); ack(true); });
    socket.on('ss-emit', (nsp, event, ...args) => {
      const ack = args.pop();
      io.of(nsp).serverSideEmit(event, ...args);
      ack(true);
    });
    socket.on('ss-ask', async (nsp, event, ...args) => {
      const ack = args.pop();
      try {
        ack({ ok: true, responses: await io.of(nsp).serverSideEmitWithAck(event, ...args) });
      } catch (error) {
        ack({ ok: false, error: error.message, responses: error.responses });
      }
    });
    socket.on('to-id', async (nsp, id, event, ...args) => {
      const ack = args.pop();
      try {
        const [one] = await io.of(nsp).in(id).fetchSockets();
        if (!one) throw new Error('no such socket');
        ack({ ok: true, value: await one.timeout(2000).emitWithAck(event, ...args) });
      } catch (error) {
        ack({ ok: false, error: error.message });
      }
    });
    socket.on('log', (id, ack) => ack(journal.of(id)));
    socket.on('stats', (ack) => ack({
      clients: io.engine.clientsCount,
      nsps: Object.fromEntries([...io._nsps].map(([name, { sockets }]) => [name, sockets.size])),
      rooms: io.of('/features').adapter.rooms.size,
    }));
    socket.on('errors', (ack) => ack(journal.errors));
    socket.on('server-count', async (ack) => ack(await io.of('/features').adapter.serverCount()));
  });
}
