// Node's own socket.io on the mounts of the conformance server: a test that fails here tells of the test, not of sockeye.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

import msgpack from 'socket.io-msgpack-parser';
import { Server } from 'socket.io';

import { admin } from './admin.mjs';
import { Journal, namespaces } from './app.mjs';

const { values: options } = parseArgs({
  options: {
    'listen': { type: 'string', default: '127.0.0.1:0' },
    'ping-interval-ms': { type: 'string', default: '300' },
    'ping-timeout-ms': { type: 'string', default: '200' },
    'allowed-origins': { type: 'string' },
    'permissive': { type: 'boolean', default: false },
  },
});

const beats = (pingInterval, pingTimeout) => ({ pingInterval, pingTimeout });
const asked = beats(Number(options['ping-interval-ms']), Number(options['ping-timeout-ms']));
const steady = beats(5000, 5000);

const MOUNTS = {
  '/socket.io/': options.permissive
    ? { ...asked, allowEIO3: true, cors: { origin: true, credentials: true }, maxHttpBufferSize: 10_000_000 }
    : { ...asked, cors: { origin: '*' } },
  '/legacy.io/': { ...steady, allowEIO3: true },
  '/fastping.io/': { ...beats(300, 200), allowEIO3: true },
  '/recovery.io/': { ...steady, connectionStateRecovery: { maxDisconnectionDuration: 3000, skipMiddlewares: true } },
  '/msgpack.io/': { ...steady, parser: msgpack },
  '/options.io/': {
    ...beats(25_000, 20_000),
    maxHttpBufferSize: 5000,
    upgradeTimeout: 400,
    connectTimeout: 500,
    cors: { origin: 'http://allowed.test', credentials: true, methods: ['GET', 'POST'] },
    cookie: { name: 'sio', path: '/', httpOnly: true, sameSite: 'strict' },
    allowRequest(request, decide) {
      const query = new URL(request.url, 'http://any').searchParams;
      if (query.has('deny')) decide(query.get('deny') || null, false);
      else decide(null, true);
    },
  },
  '/wsonly.io/': { ...steady, transports: ['websocket'] },
  '/pollonly.io/': { ...steady, transports: ['polling'] },
  '/noupgrade.io/': { ...steady, allowUpgrades: false },
};

const http = createServer((request, response) => {
  const isHealth = new URL(request.url, 'http://any').pathname === '/healthz';
  response.writeHead(isHealth ? 200 : 404, { 'content-type': 'text/plain' });
  response.end(isHealth ? 'ok' : 'not found');
});

http.setMaxListeners(0); // each mount has its own

const origins = options['allowed-origins']?.split(',');
const servers = Object.entries(MOUNTS).map(([path, wanted]) => {
  const guard = origins && {
    // Node has no origin policy of its own that refuses.
    allowRequest: ({ headers: { origin } }, decide) => decide(null, !origin || origins.includes(origin)),
  };
  const io = new Server(http, { path, serveClient: false, ...guard, ...wanted });
  const journal = new Journal(io);
  namespaces(io, journal);
  admin(io, journal);
  if (path === '/options.io/') {
    io.engine.on('initial_headers', (headers) => { headers['x-initial'] = 'yes'; });
    io.engine.on('headers', (headers) => { headers['x-every'] = 'yes'; });
  }
  return io;
});

const [, host, port] = /^(.*):(\d+)$/.exec(options.listen);
http.listen(Number(port), host);
await once(http, 'listening');
console.log(`listening on ${host}:${http.address().port}`);

process.on('SIGTERM', async () => {
  await Promise.all(servers.map((io) => io.close()));
  process.exit(0);
});
