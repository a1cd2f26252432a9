// What a mount's options do to Socket.IO's clients: limits, timers, headers, guards, and the transports that are let in.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { IS_REFERENCE, peerOf, serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';
import { eventually } from './lib/bounded.mjs';
import { KINDS, wires } from './lib/wire.mjs';

const OPTIONS = { mount: '/options.io/' };
const COOKIE = /^sio=([^;]+); Path=\/; HttpOnly; SameSite=Strict$/;

const cors = (headers) => Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));

for (const stack of STACKS) {
  describe(`/options.io/, ${stack}`, () => {
    let server, admin;
    before(async () => {
      server = await serve(stack);
      admin = await peerOf(server, '/admin', OPTIONS).connected();
    });
    after(async () => {
      admin?.leave();
      await server?.kill();
    });
    const wire = wires(() => server);
    const test = sockets(() => server);
    /** Whether this happens before the server's own clock says that five seconds are over. */
    const inTime = async (happens) => {
      const clock = peerOf(server, '/features');
      try {
        const isLate = new Promise((resolve) => clock.emit('ack-later', 5000, 'late', resolve));
        assert.notEqual(await Promise.race([happens, isLate]), 'late', 'it took the server far too long');
        return happens;
      } finally {
        clock.leave();
      }
    };
    const url = (query) => `${server.origin}/options.io/?EIO=4&${query}`;

    for (const kind of Object.keys(KINDS)) {
      wire(`a session over ${kind} that joins no namespace is closed after 500 ms`, async ({ open }) => {
        for (const packets of [[], ['40/none,'], ['40/refused,', '40/auth-required,']]) {
          const begun = Date.now();
          const session = await open(kind, OPTIONS);
          if (packets.length) await session.send(...packets);
          const rest = await inTime(session.rest());
          assert.ok(rest.every((packet) => packet.startsWith('44/')), `answered ${rest}`);
          assert.equal(rest.length, packets.length);
          assert.ok(Date.now() - begun >= 450, `after ${Date.now() - begun} ms`);
        }
      });

      wire(`a session over ${kind} that has joined one stays`, async ({ joined }) => {
        const session = await joined(kind, '/features', OPTIONS);
        await session.send('42/features,0["ack-later",800,1]');
        assert.equal(await session.receive(), '43/features,0[1]');
        await session.send('41/features,', '40/custom,');
        assert.match(await session.receive(), /^40\/custom,/);
      });

      wire(`5000 bytes over ${kind} are let in, and 5001 are not`, async ({ joined }) => {
        const event = (length) => {
          const around = '42/features,0["bin-len",""]'.length;
          return `42/features,0["bin-len","${'x'.repeat(length - around)}"]`;
        };
        const session = await joined(kind, '/features', OPTIONS);
        assert.equal(session.handshake.maxPayload, 5000);
        // Over polling the digit of Engine.IO counts, over a WebSocket it is part of the message as well.
        await session.send(event(5000));
        assert.equal(await session.receive(), '43/features,0[-1]');
        const answer = await session.send(event(5001));
        if (kind === 'websocket') {
          assert.equal(await session.isClosed, 1009);
          await eventually(async () => (await admin.get('log', session.id))[2] === 'disconnect transport error');
        } else {
          // The session may go on or not.
          assert.deepEqual([answer.status, answer.text], [413, '']);
        }
      });
    }

    test('the limit is for what comes in', async ({ join }) => {
      for (const way of Object.keys(WAYS)) {
        const peer = await join('/features', { ...OPTIONS, way });
        peer.emit('big', 20_000, true);
        assert.equal((await peer.next('blob'))[0].length, 20_000);
      }
    });

    test('a client that knows the limit splits what it posts', async ({ join }) => {
      const peer = await join('/features', { ...OPTIONS, way: 'polling' });
      for (let i = 0; i < 100; i += 1) peer.emit('echo', i, 'x'.repeat(900));
      assert.deepEqual(await peer.several('echo-back', 100), Array.from({ length: 100 }, (_, i) => i));
      assert.deepEqual(peer.reasons, []);
    });

    wire('a WebSocket that never comes to an upgrade is closed after 400 ms, and polling goes on', async ({ open, joined }) => {
      for (const [said, answer] of [[[], undefined], [['2probe'], '3probe']]) {
        const session = await joined('polling', '/features', OPTIONS);
        const begun = Date.now();
        const probe = await open('websocket', { ...OPTIONS, sid: session.sid });
        probe.send(...said);
        if (answer) assert.equal(await probe.receive(), answer);
        await session.send('42/features,["echo",1]');
        assert.equal(await receiveEvent(session), '42/features,["echo-back",1]');
        await inTime(probe.isClosed);
        assert.ok(Date.now() - begun >= 350, `after ${Date.now() - begun} ms`);
        await session.send('42/features,["echo",2]', '42/features,0["transport"]', '42/features,1["transports-seen"]');
        assert.equal(await receiveEvent(session), '42/features,["echo-back",2]');
        assert.equal(await receiveEvent(session), '43/features,0["polling"]');
        assert.equal(await receiveEvent(session), '43/features,1[["polling"]]');
      }
    });

    wire('after a failed upgrade another may succeed', async ({ open, joined }) => {
      const session = await joined('polling', '/features', OPTIONS);
      const first = await open('websocket', { ...OPTIONS, sid: session.sid });
      first.send('2nonsense');
      await first.isClosed;
      const second = await open('websocket', { ...OPTIONS, sid: session.sid });
      second.send('2probe');
      assert.equal(await second.receive(), '3probe');
      // What is said before the last step comes by the new way after it.
      await session.send('42/features,["echo",1]', '42/features,["bin-out"]');
      second.send('5');
      const [echo, bin, ...bytes] = await second.several(5);
      assert.equal(echo, '42/features,["echo-back",1]');
      assert.match(bin, /^453-\/features,\["bin",/);
      assert.ok(bytes.every(Buffer.isBuffer));
      second.send('42/features,0["transports-seen"]');
      assert.equal(await second.receive(), '43/features,0[["polling","websocket"]]');
      const answer = await fetch(session.url);
      assert.deepEqual(await answer.json(), { code: 3, message: 'Bad request' });
    });

    wire('the cookie is set by the first answer to a poll, and by nothing else', async ({ open }) => {
      const session = await open('polling', OPTIONS);
      const [, sid] = COOKIE.exec(session.first.headers.get('set-cookie')) ?? assert.fail(session.first.headers.get('set-cookie'));
      assert.equal(sid, session.sid);
      const { headers } = await session.post('40/features,');
      assert.equal(headers.get('set-cookie'), null);
      assert.equal((await session.poll()).headers.get('set-cookie'), null);
      const direct = await open('websocket', OPTIONS);
      assert.equal(direct.headers['set-cookie'], undefined);
    });

    wire('the hooks\' headers are where they belong', async ({ open }) => {
      const session = await open('polling', OPTIONS);
      const told = (headers) => [headers.get('x-initial'), headers.get('x-every')];
      assert.deepEqual(told(session.first.headers), ['yes', 'yes']);
      assert.deepEqual(told((await session.post('40/features,')).headers), [null, 'yes']);
      assert.deepEqual(told((await session.poll()).headers), [null, 'yes']);
      const upgrade = await open('websocket', { ...OPTIONS, sid: session.sid });
      assert.deepEqual([upgrade.headers['x-initial'], upgrade.headers['x-every']], [undefined, 'yes']);
      const direct = await open('websocket', OPTIONS);
      assert.deepEqual([direct.headers['x-initial'], direct.headers['x-every']], ['yes', 'yes']);
      for (const query of ['transport=pigeon', 'transport=polling&sid=none', 'transport=polling&deny']) {
        const answer = await fetch(url(query));
        await answer.text();
        assert.deepEqual(told(answer.headers), [null, null], query);
      }
    });

    test('CORS headers are on every answer', async () => {
      const CORS = { 'access-control-allow-origin': 'http://allowed.test', 'access-control-allow-credentials': 'true' };
      for (const [query, status] of [['transport=polling', 200], ['transport=pigeon', 400], ['transport=polling&sid=none', 400], ['transport=polling&deny', 403]]) {
        for (const origin of ['http://allowed.test', 'http://other.test']) {
          const answer = await fetch(url(query), { headers: { origin } });
          await answer.text();
          assert.equal(answer.status, status);
          assert.deepEqual(cors(answer.headers), CORS, query);
          assert.match(answer.headers.get('vary'), /origin/i);
        }
      }
      const preflight = await fetch(url('transport=polling'), { method: 'OPTIONS', headers: {
        'origin': 'http://allowed.test', 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-a,x-b',
      } });
      assert.equal(preflight.status, 204);
      assert.equal(await preflight.text(), '');
      assert.deepEqual(cors(preflight.headers), {
        ...CORS, 'access-control-allow-methods': 'GET,POST', 'access-control-allow-headers': 'x-a,x-b',
      });
    });

    wire('CORS headers are on the answer to a WebSocket as well', async ({ open }) => {
      const { headers } = await open('websocket', OPTIONS);
      assert.deepEqual([headers['access-control-allow-origin'], headers['access-control-allow-credentials']], ['http://allowed.test', 'true']);
      assert.equal(headers['sec-websocket-extensions'], undefined);
    });

    test('the guard refuses, with its reason or the usual one', async ({ connect }) => {
      const ask = async (query) => {
        const answer = await fetch(url(query));
        return [answer.status, answer.headers.get('content-type').split(';')[0], await answer.json()];
      };
      const refusal = (message) => [403, 'application/json', { code: 4, message }];
      assert.deepEqual(await ask('transport=polling&deny=because%20of%20that+%C3%A9'), refusal('because of that é'));
      assert.deepEqual(await ask('transport=polling&deny='), refusal('Forbidden'));
      assert.deepEqual(await ask('transport=polling&deny'), refusal('Forbidden'));
      assert.deepEqual((await admin.get('errors')).slice(-3), Array(3).fill({ code: 4, message: 'Forbidden' }));
      for (const way of Object.keys(WAYS)) {
        const peer = connect('/features', { ...OPTIONS, way, query: { deny: 'because' } });
        const error = await peer.refused();
        assert.equal(error.type, 'TransportError');
        if (way !== 'websocket') assert.equal(error.description, 403);
      }
    });

    wire('the guard is not asked again within a session', async ({ open, joined }) => {
      const session = await joined('polling', '/features', OPTIONS);
      session.url += '&deny=because';
      await session.send('42/features,["echo",1]');
      assert.equal(await session.receive(), '42/features,["echo-back",1]');
      const probe = await open('websocket', { ...OPTIONS, sid: session.sid, query: '&deny=because' });
      probe.send('2probe');
      assert.equal(await probe.receive(), '3probe');
    });

    wire('what is known of a connection is of its first request', async ({ open, joined }) => {
      const session = await joined('polling', '/features', { ...OPTIONS, query: '&a=1&a=2&b=%C3%A9+x&c=', headers: { 'x-first': 'yes' } });
      const probe = await open('websocket', { ...OPTIONS, sid: session.sid, query: '&a=9', headers: { 'x-first': 'no', 'origin': 'http://allowed.test' } });
      probe.send('2probe');
      await probe.receive();
      probe.send('5', '42/features,0["handshake"]');
      const told = JSON.parse((await probe.receive()).slice('43/features,0'.length))[0];
      const { a, b, c, sid, transport } = told.query;
      assert.deepEqual({ a, b, c, sid, transport }, { a: '2', b: 'é x', c: '', sid: undefined, transport: 'polling' });
      assert.deepEqual([told.headers['x-first'], told.xdomain], ['yes', false]);
    });
  });

  describe(`transports and origins, ${stack}`, () => {
    let server;
    before(async () => { server = await serve(stack); });
    after(() => server?.kill());
    const wire = wires(() => server);
    const test = sockets(() => server);

    test('/wsonly.io/ takes no polling', async ({ join, connect }) => {
      const peer = await join('/features', { mount: '/wsonly.io/', way: 'websocket' });
      assert.deepEqual(await peer.get('transports-seen'), ['websocket']);
      const refused = await connect('/features', { mount: '/wsonly.io/', way: 'polling' }).refused();
      assert.equal(refused.description, 400);
      const answer = await fetch(`${server.origin}/wsonly.io/?EIO=4&transport=polling`);
      assert.deepEqual([answer.status, await answer.json()], [400, { code: 0, message: 'Transport unknown' }]);
    });

    test('/pollonly.io/ takes no WebSocket and offers none', async ({ join, connect }) => {
      const peer = await join('/features', { mount: '/pollonly.io/', way: 'polling' });
      assert.deepEqual(await peer.get('transports-seen'), ['polling']);
      await connect('/features', { mount: '/pollonly.io/', way: 'websocket' }).refused();
      const both = await connect('/features', { mount: '/pollonly.io/', way: 'upgrade' }).connected();
      assert.deepEqual(both.manager.engine.upgrades ?? [], []);
      for (let i = 0; i < 20; i += 1) await both.settled();
      assert.equal(both.transport, 'polling');
    });

    wire('/noupgrade.io/ has both and offers no way from one to the other', async ({ open, joined }) => {
      const mount = '/noupgrade.io/';
      const polling = await joined('polling', '/features', { mount });
      assert.deepEqual(polling.handshake.upgrades, []);
      const direct = await joined('websocket', '/features', { mount });
      direct.send('42/features,0["transport"]');
      assert.equal(await direct.receive(), '43/features,0["websocket"]');
      const elsewhere = await open('polling');
      assert.deepEqual(elsewhere.handshake.upgrades, ['websocket']);
    });

    test('/noupgrade.io/ keeps a client on polling', async ({ connect }) => {
      const peer = await connect('/features', { mount: '/noupgrade.io/', way: 'upgrade' }).connected();
      for (let i = 0; i < 20; i += 1) await peer.settled();
      assert.equal(peer.transport, 'polling');
      assert.deepEqual(await peer.get('transports-seen'), ['polling']);
    });

    test('CORS headers are those of each mount', async () => {
      for (const [mount, expected] of [['/socket.io/', { 'access-control-allow-origin': '*' }], ['/legacy.io/', {}], ['/recovery.io/', {}]]) {
        const answer = await fetch(`${server.origin}${mount}?EIO=4&transport=polling`, { headers: { origin: 'http://page.test' } });
        assert.match(await answer.text(), /^0\{"sid":"[\w-]+","upgrades":\["websocket"\],"pingInterval":\d+,"pingTimeout":\d+,"maxPayload":1000000\}$/);
        assert.deepEqual(cors(answer.headers), expected, mount);
        assert.equal(answer.headers.get('set-cookie'), null);
      }
    });

    wire('what is long enough is compressed, unless it is not to be', async ({ joined }) => {
      const session = await joined('polling', '/features');
      const CASES = [
        [2000, true, 'gzip', 'gzip'], [2000, true, 'deflate', 'deflate'], [2000, true, 'gzip, deflate', 'gzip'],
        [2000, true, 'identity', null], [2000, false, 'gzip', null], [100, true, 'gzip', null],
      ];
      for (const [size, compress, accepted, encoding] of CASES) {
        await session.send(`42/features,["big",${size},${compress}]`);
        const { headers, packets } = await session.poll({ 'accept-encoding': accepted });
        assert.equal(headers.get('content-encoding'), encoding, `${size} ${compress} ${accepted}`);
        assert.deepEqual(packets, [`42/features,["blob","${'x'.repeat(size)}"]`]);
      }
    });

    test('only the origins that are named get in', async ({ after: last }) => {
      const own = await serve(stack, '--allowed-origins', 'http://good.test,http://fine.test');
      last(() => own.kill());
      for (const [origin, isIn] of [['http://good.test', true], ['http://fine.test', true], ['http://bad.test', false]]) {
        const polled = await fetch(`${own.origin}/legacy.io/?EIO=4&transport=polling`, { headers: { origin } });
        await polled.text();
        assert.equal(polled.status, isIn ? 200 : 403, origin);
        const socket = KINDS.websocket.open(own, { mount: '/legacy.io/', headers: { origin } });
        if (isIn) (await socket).close();
        // [Q] Node's refusal of a WebSocket is 400, whatever the reason.
        else await assert.rejects(socket, IS_REFERENCE ? /400/ : /403/);
      }
    });

    test('a permissive server takes old clients, ten megabytes and credentials', async ({ join, after: last }) => {
      const own = await serve(stack, '--permissive');
      last(() => own.kill());
      for (const version of [2, 3, 4]) {
        for (const way of ['polling', 'websocket']) {
          const peer = await join('/features', { server: own, version, way });
          const large = 'x'.repeat(9_999_000);
          assert.ok(await peer.get('ack', large) === large, `client ${version}`);
        }
      }
      const answer = await fetch(`${own.origin}/socket.io/?EIO=4&transport=polling`, { headers: { origin: 'http://page.test' } });
      await answer.text();
      assert.deepEqual(cors(answer.headers), { 'access-control-allow-origin': 'http://page.test', 'access-control-allow-credentials': 'true' });
    });

    test('timers are those of the command line', async ({ connect }) => {
      const { pingInterval, pingTimeout } = (await KINDS.polling.open(server)).handshake;
      assert.deepEqual([pingInterval, pingTimeout], [25_000, 20_000]);
      const MOUNTS = { '/legacy.io/': [5000, 5000], '/fastping.io/': [300, 200], '/recovery.io/': [5000, 5000], '/options.io/': [25_000, 20_000] };
      for (const [mount, timers] of Object.entries(MOUNTS)) {
        const { handshake } = await KINDS.polling.open(server, { mount });
        assert.deepEqual([handshake.pingInterval, handshake.pingTimeout], timers, mount);
      }
    });
  });
}

/** The next packet that is of Socket.IO: an upgrade that is going on ends polls with nothing in them. */
async function receiveEvent(session) {
  let packet;
  do packet = await session.receive(); while (packet === '6');
  return packet;
}
