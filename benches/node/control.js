// What every server here shares: an ordinary route, and the orchestrator's side channel.
'use strict';

const http = require('http');
const readline = require('readline');

// An HTTP server with the route that the harness's Rust servers have.
exports.application = () =>
  http.createServer((request, response) => {
    if (request.url !== '/hello') response.statusCode = 404;
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end('hello');
  });

// Says where the server listens, and answers: see control.rs. The orchestrator ends the process by
// closing stdin.
exports.serve = (server) => {
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
};
