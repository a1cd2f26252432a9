// The two ways to the room. Each opens one connection that does not come back by itself: `connection.js` sees to that.
//
// A way is called with the transport to use ('' lets the client find the best one) and with who hears of it:
// {opened(transport), moved(transport), heard(message), closed(reason)}. It gives {send(message), close()}.

export const PROTOCOLS = {
  sockjs: { name: 'SockJS', open: overSockJS },
  socketio: { name: 'Socket.IO', open: overSocketIO },
};

function overSockJS(chosen, { opened, heard, closed }) {
  const socket = new SockJS('/chat', null, { transports: chosen ? [chosen] : undefined });
  socket.onopen = () => opened(socket.transport);
  socket.onmessage = ({ data }) => heard(JSON.parse(data));
  socket.onclose = (event) => closed(reasonOf(event));
  return {
    send: (message) => socket.send(JSON.stringify(message)),
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };

  function reasonOf({ code, reason }) {
    if (code === 2000 && chosen) return `${chosen} does not get through`;
    if (code === 2000) return 'no transport gets through';
    if (code === 1001) return 'the server is restarting';
    if (code === 1002) return 'the server does not answer';
    // Below 3000 the reason is the client's own shorthand for what it met.
    return code >= 3000 && reason ? reason.toLowerCase() : 'the connection was lost';
  }
}

function overSocketIO(chosen, { opened, moved, heard, closed }) {
  const socket = io({
    transports: chosen ? [chosen] : undefined,
    // The page shows when it tries again, and a choice of another transport must not wait for that.
    reconnection: false,
    forceNew: true,
  });
  const { engine } = socket.io;
  socket.on('connect', () => {
    opened(engine.transport.name);
    // It begins with polling, which gets through nearly anywhere, and goes over to a WebSocket where it can.
    engine.once('upgrade', (transport) => {
      socket.emit('moved');
      moved(transport.name);
    });
  });
  // What the room tells are events, each with one object.
  socket.onAny((type, details) => heard({ type, ...details }));
  socket.on('disconnect', (reason, details) => closed(reasonOf(reason, details)));
  socket.on('connect_error', () => closed(chosen ? `${chosen} does not get through` : 'the server does not answer'));
  return {
    send: ({ type, ...details }) => socket.emit(type, details),
    close() {
      socket.offAny();
      socket.off();
      socket.disconnect();
    },
  };

  function reasonOf(reason, details) {
    const goingAway = details?.context?.code === 1001 || details?.description === 'transport closed by the server';
    if (goingAway) return 'the server is restarting';
    if (reason === 'io server disconnect') return 'connected anew';
    if (reason === 'ping timeout') return 'the server does not answer';
    return 'the connection was lost';
  }
}
