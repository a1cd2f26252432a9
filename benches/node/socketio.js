// Node's socket.io, with the events that the harness's Rust servers have.
'use strict';

const { Server } = require('socket.io');
const { application, serve } = require('./control');

const server = application();
const io = new Server(server, { serveClient: false });
io.on('connection', (socket) => {
  socket.on('echo', (text) => socket.emit('echo', text));
  socket.on('ack', (text, ack) => ack(text));
  socket.on('broadcast', (text) => io.emit('broadcast', text));
});
serve(server);
