// How Socket.IO's connections end, what the server tells its application of it, and how clients come back.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { eventually } from './lib/bounded.mjs';
import { layCable } from './lib/cable.mjs';
import { peerOf, serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';
import { KINDS, wires } from './lib/wire.mjs';

/** The mount's own account of a socket, once that is gone. */
const accounts = (admin) => async (id) => {
  await eventually(async () => (await admin().get('log', id)).length >= 3);
  return admin().get('log', id);
};
const account = (reason, ...rooms) => ['connection', `disconnecting ${reason} ${rooms.sort().join(',')}`, `disconnect ${reason}`];

/** A masked frame of these bytes. */
const frame = (first, ...bytes) => Buffer.from([first, 0x80 | bytes.length, 0, 0, 0, 0, ...bytes]);

for (const stack of STACKS) {
  describe(`ends, ${stack}`, () => {
    let server, admin;
    before(async () => {
      server = await serve(stack);
      admin = await peerOf(server, '/admin').connected();
    });
    after(async () => {
      admin?.leave();
      await server?.kill();
    });
    const test = wires(() => server);
    const log = accounts(() => admin);
    const ended = async ({ id }, reason) => assert.deepEqual(await log(id), account(reason, id));

    describe('websocket', () => {
      test('closed by the client with a frame', async ({ joined }) => {
        for (const [code, reason] of [[undefined, undefined], [1000, 'bye'], [1001, ''], [3000, 'why not']]) {
          const session = await joined('websocket', '/features');
          session.socket.close(code, reason);
          await ended(session, 'transport close');
        }
      });

      test('lost without a frame', async ({ joined }) => {
        const session = await joined('websocket', '/features');
        session.socket.terminate();
        await ended(session, 'transport close');
      });

      test('closed by the client with a packet', async ({ joined }) => {
        const session = await joined('websocket', '/features');
        session.send('1');
        // [Q] Node waits for the frame; closing at the packet is right too.
        session.socket.close();
        await session.isClosed;
        await ended(session, 'transport close');
      });

      for (const packet of ['x', '7', '9["echo"]', '-', '{}']) {
        test(`a packet that is none: ${packet}`, async ({ joined }) => {
          const session = await joined('websocket', '/features');
          session.send(packet);
          assert.deepEqual(await session.rest(), []);
          await ended(session, 'parse error');
        });
      }

      test('a heartbeat in the wrong direction', async ({ joined }) => {
        const session = await joined('websocket', '/features');
        session.send('2');
        assert.deepEqual(await session.rest(), []);
        await ended(session, 'transport error');
      });

      test('a message too large', async ({ joined }) => {
        const session = await joined('websocket', '/features');
        session.send(`42/features,["echo","${'x'.repeat(1_000_000)}"]`);
        assert.equal(await session.isClosed, 1009);
        await ended(session, 'transport error');
      });

      for (const [name, bytes] of Object.entries({
        'a frame without a mask': Buffer.from([0x81, 1, 0x34]),
        'text that is no UTF-8': frame(0x81, 0x34, 0xff),
        'a reserved opcode': frame(0x83, 1),
        'reserved bits': frame(0xc1, 0x34),
        'a continuation of nothing': frame(0x80, 0x34),
        'a control frame in fragments': frame(0x09),
      })) {
        test(`against the protocol: ${name}`, async ({ joined }) => {
          const session = await joined('websocket', '/features');
          session.socket._socket.write(bytes);
          await session.isClosed;
          await ended(session, 'transport error');
        });
      }
    });

    describe('polling', () => {
      test('closed by the client', async ({ joined }) => {
        const session = await joined('polling', '/features');
        const poll = session.poll();
        const { status } = await session.post('1', '42/features,["echo"]');
        assert.equal(status, 200);
        assert.ok(!(await poll).text.includes('echo'), 'what came behind the close packet was done');
        await ended(session, 'transport close');
      });

      test('a packet that is none', async ({ joined }) => {
        const session = await joined('polling', '/features');
        await session.post('x');
        await ended(session, 'parse error');
        assert.deepEqual(await session.rest(), []);
      });

      test('an empty body', async ({ joined }) => {
        const session = await joined('polling', '/features');
        await session.post('');
        await ended(session, 'parse error');
      });

      test('a heartbeat in the wrong direction', async ({ joined }) => {
        const session = await joined('polling', '/features');
        await session.post('2');
        await ended(session, 'transport error');
      });

      test('two polls at once', async ({ joined }) => {
        const session = await joined('polling', '/features');
        const both = await Promise.all([session.poll(), session.poll()]);
        assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400]);
        assert.deepEqual(both.map(({ text }) => text).sort(), ['', '1']);
        await ended(session, 'transport error');
      });

      test('a poll that is cut off', async ({ joined }) => {
        const session = await joined('polling', '/features');
        const control = new AbortController();
        const poll = assert.rejects(fetch(session.url, { signal: control.signal }));
        // What the server answers meanwhile makes it likely that it has the poll already; it ends alike if not.
        await session.post('42/features,["nobody listens"]');
        control.abort();
        await poll;
        await ended(session, 'transport error');
      });

      test('bytes as the body', async ({ joined }) => {
        const session = await joined('polling', '/features');
        const answer = await fetch(session.url, { method: 'POST', body: Buffer.from('42/features,["echo"]'), headers: { 'content-type': 'application/octet-stream' } });
        assert.equal(answer.status, 400);
        await ended(session, 'transport error');
      });
    });

    for (const kind of Object.keys(KINDS)) {
      test(`a client over ${kind} that answers no heartbeat`, async ({ open, after: last }) => {
        const own = await serve(stack, '--ping-interval-ms', '1500', '--ping-timeout-ms', '500');
        last(() => own.kill());
        const watcher = await peerOf(own, '/admin').connected();
        last(() => watcher.leave());
        const session = await open(kind, { server: own, isQuiet: true });
        await session.send('40/features,');
        let packet;
        const receive = async () => (kind === 'polling' ? (await session.poll()).packets[0] : session.receive());
        do packet = await receive(); while (packet === '2');
        const { sid } = JSON.parse(packet.slice('40/features,'.length));
        do packet = await receive(); while (packet === '2');
        assert.ok(packet === undefined || packet === '1', packet);
        assert.deepEqual(await accounts(() => watcher)(sid), account('ping timeout', sid));
      });

      test(`rooms are still there while ${kind} ends, and it ends once`, async ({ joined }) => {
        const session = await joined(kind, '/features');
        await session.send('42/features,0["join",["x y","b"]]');
        await session.receive();
        if (kind === 'polling') await session.post('x');
        else session.socket.terminate();
        const reason = kind === 'polling' ? 'parse error' : 'transport close';
        assert.deepEqual(await log(session.id), account(reason, session.id, 'b', 'x y'));
        const other = await joined(kind, '/features');
        await other.close();
        await log(other.id);
        assert.equal((await admin.get('log', session.id)).length, 3);
      });
    }
  });

  describe(`real clients leave, are sent away and come back, ${stack}`, () => {
    let server, admin;
    before(async () => {
      server = await serve(stack);
      admin = await peerOf(server, '/admin').connected();
    });
    after(async () => {
      admin?.leave();
      await server?.kill();
    });
    const test = sockets(() => server);
    const log = accounts(() => admin);

    for (const way of Object.keys(WAYS)) {
      describe(way, () => {
        test('a client that leaves', async ({ join }) => {
          const peer = await join('/features', { way });
          const { id } = peer;
          peer.leave();
          assert.equal(await peer.closed(), 'io client disconnect');
          assert.deepEqual(await log(id), account('client namespace disconnect', id));
        });

        test('a client that just ends its session', async ({ join }) => {
          const peer = await join('/features', { way });
          const { id } = peer;
          peer.manager.engine.close();
          assert.equal(await peer.closed(), 'forced close');
          assert.deepEqual(await log(id), account('transport close', id));
        });

        test('who is disconnected does not come back by itself, but may', async ({ join }) => {
          const peer = await join('/features', { way, reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 10 });
          const { id } = peer;
          peer.emit('disconnect-me', false);
          assert.equal(await peer.closed(), 'io server disconnect');
          assert.equal(peer.socket.active, false);
          assert.deepEqual(await log(id), account('server namespace disconnect', id));
          peer.socket.connect();
          await peer.connected(2);
          assert.notEqual(peer.id, id);
          await peer.settled();
        });

        test('a client comes back when the network does, as another socket, with what it had to say', async ({ join, after: last }) => {
          const cable = await layCable(server.port);
          last(() => cable.close());
          const peer = await join('/features', { server: cable, way, reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 10 });
          const { id } = peer;
          await peer.get('join', 'room');
          await peer.get('set-data', { lost: true });
          cable.unplug();
          assert.match(await peer.closed(), /^transport (close|error)$/);
          // Between two polls the server has no connection to miss, so that only its heartbeat would tell it.
          if (way !== 'polling') assert.equal((await log(id))[2], 'disconnect transport close');
          for (let i = 0; i < 10; i += 1) peer.emit('echo', i);
          cable.plug();
          await peer.connected(2);
          assert.notEqual(peer.id, id);
          assert.deepEqual(await peer.several('echo-back', 10), Array.from({ length: 10 }, (_, i) => i));
          assert.deepEqual(await peer.get('rooms'), [peer.id]);
          assert.deepEqual(await peer.get('get-data'), {});
        });

        test('an acknowledgement that the network took away is an error to who wants to know', async ({ join, after: last }) => {
          const cable = await layCable(server.port);
          last(() => cable.close());
          const peer = await join('/features', { server: cable, way });
          const never = assert.rejects(peer.socket.timeout(20_000).emitWithAck('never'), /disconnected/);
          await peer.settled();
          cable.unplug();
          await never;
        });

        test('a question the client never answers is over when it leaves', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('ask', 'question', [], 0);
          await peer.next('question');
          const { id } = peer;
          peer.leave();
          await log(id);
          const other = await join('/features', { way });
          await other.settled();
        });
      });
    }

    test('a server that is told to go says goodbye to everyone and goes', async ({ join }) => {
      const own = await serve(stack);
      const peers = [];
      for (const way of Object.keys(WAYS)) {
        for (const nsp of ['/', '/features', '/dyn-1']) peers.push(await join(nsp, { server: own, way }));
      }
      const stopped = own.stop();
      for (const peer of peers) assert.match(await peer.closed(), /^(transport (close|error)|io server disconnect)$/);
      assert.deepEqual(await stopped, { code: 0, signal: null });
    });
  });
}
