// Node's engine.io, echoing.
'use strict';

const engine = require('engine.io');
const { application, serve } = require('./control');

const server = application();
engine.attach(server).on('connection', (socket) => {
  socket.on('message', (message) => socket.send(message));
});
serve(server);
