// Node's sockjs with the mounts that the harness's Rust servers have.
'use strict';

const sockjs = require('sockjs');
const { application, serve } = require('./control');

const quiet = { log() {} };

const echo = sockjs.createServer(quiet);
echo.on('connection', (connection) => {
  connection.on('data', (message) => connection.write(message));
});

const everyone = new Set();
const broadcast = sockjs.createServer(quiet);
broadcast.on('connection', (connection) => {
  everyone.add(connection);
  connection.on('data', (message) => {
    for (const member of everyone) member.write(message);
  });
  connection.on('close', () => everyone.delete(connection));
});

const server = application();
echo.installHandlers(server, { prefix: '/echo' });
broadcast.installHandlers(server, { prefix: '/broadcast' });
serve(server);
