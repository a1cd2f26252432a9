// Node's sockjs with the mounts that the harness's Rust servers have.
'use strict';

const http = require('http');
const readline = require('readline');
const sockjs = require('sockjs');

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

const server = http.createServer((request, response) => {
  if (request.url !== '/hello') response.statusCode = 404;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end('hello');
});
echo.installHandlers(server, { prefix: '/echo' });
broadcast.installHandlers(server, { prefix: '/broadcast' });

// The orchestrator's side channel: see control.rs. It ends the process by closing stdin.
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  console.log(`listening ${server.address().port}`);
});
const control = readline.createInterface({ input: process.stdin });
control.on('line', (line) => {
  if (line === 'trim' && global.gc) {
    global.gc();
    console.log('trimmed');
  } else {
    console.log('unsupported');
  }
});
control.on('close', () => process.exit(0));
