// engine.io-client 6 and 3 where it is hard: an upgrade that thousands of messages overtake at every step, and peers that
// fall silent.

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { after, before, describe } from 'node:test';

import { Client, CLIENTS, open, WAYS } from './lib/engineio.mjs';
import { conformance, STACKS } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';

const PATIENT = ['--ping-interval-ms', '25000', '--ping-timeout-ms', '20000'];
// Long enough for a busy machine to open a session in, and to answer each heartbeat.
const WATCHFUL = ['--ping-interval-ms', '2000', '--ping-timeout-ms', '2000'];

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Listens in front of `port`; `carry(near, far, end)` joins each pair of connections, and `end` hears of errors. */
async function listen(port, carry) {
  const ends = new Set();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const end of [near, far]) {
      ends.add(end);
      end.on('close', () => ends.delete(end));
    }
    carry(near, far);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close() { for (const end of ends) end.destroy(); server.close(); },
  };
}

/** A road on which each piece of a WebSocket, in either direction, waits for `gate()`; the rest goes by at once. */
const gatedRoad = (port, gate) => listen(port, (near, far) => {
  let isUpgrade = false;
  for (const [end, other] of [[near, far], [far, near]]) {
    let last = Promise.resolve();
    end.on('error', () => other.destroy());
    end.on('close', () => { last = last.then(() => other.destroy()); });
    end.on('data', (bytes) => {
      isUpgrade ||= end === near && /\r\nupgrade: websocket\r\n/i.test(bytes.toString('latin1'));
      if (!isUpgrade) return other.write(bytes);
      last = last.then(gate).then(() => other.write(bytes));
    });
  }
});

/** A road that can swallow what goes up, or down, or both; then nobody hears of the other's end either. */
async function mutableRoad(port) {
  const muted = { up: false, down: false };
  const road = await listen(port, (near, far) => {
    for (const [end, other, way] of [[near, far, 'up'], [far, near, 'down']]) {
      const leave = () => { if (!muted[way]) other.destroy(); };
      end.on('error', leave);
      end.on('close', leave);
      end.on('data', (bytes) => { if (!muted[way]) other.write(bytes); });
    }
  });
  return Object.assign(road, { mute(...ways) { for (const way of ways) muted[way] = true; } });
}

/** Waits until the server knows the session no more, whose transport this was. */
async function forgotten(server, { path, revision }, { sid, transport }) {
  // A request that fits no session, and so harms none.
  const other = transport === 'polling' ? 'websocket' : 'polling';
  for (;;) {
    const answer = await fetch(`${server.origin}${path}?EIO=${revision}&transport=${other}&sid=${sid}`);
    const { code } = await answer.json();
    if (code === 1) return;
    assert.equal(code, 3);
    await nextTurn();
  }
}

for (const stack of STACKS) {
  describe(`an upgrade under load, ${stack}`, () => {
    let server;
    before(async () => { server = await conformance('--stack', stack, ...PATIENT); });
    after(() => server?.kill());

    // The request, 101, `2probe`, `3probe` and `5`: each is overtaken by hundreds of messages.
    const STEPS = 5;
    const BETWEEN = 600;

    for (const who of CLIENTS) {
      test(`client ${who.version} at ${who.path} loses, doubles and reorders nothing at any step`, async () => {
        let sent = 0;
        let steps = 0;
        let client = null;
        const gate = async () => {
          if (steps >= STEPS) return;
          steps += 1;
          const from = sent;
          while (sent < from + BETWEEN && client.reason === null) await nextTurn();
        };
        const road = await gatedRoad(server.port, gate);
        client = new Client(who.version, road.origin.replace('http', 'ws'), who.path, WAYS.upgrade);
        await client.until(() => client.isOpen);
        let before = 0;
        // Text and bytes, a few in each turn, so that polls and POSTs come and go between them.
        while (!client.isUpgraded || steps < STEPS || sent < before + 2 * BETWEEN) {
          assert.equal(client.reason, null, `${client.errors}`);
          for (let i = 0; i < 4; i += 1, sent += 1) client.send(sent % 5 === 2 ? Buffer.from(String(sent)) : String(sent));
          if (!client.isUpgraded) before = sent;
          await nextTurn();
        }
        const heard = await client.messages(sent);
        assert.deepEqual(heard.map(String), Array.from({ length: sent }, (_, i) => String(i)));
        assert.ok(heard.every((each, i) => Buffer.isBuffer(each) === (i % 5 === 2)), 'text stays text, and bytes bytes');
        assert.ok(before >= (STEPS - 1) * BETWEEN, `${before} were sent before the upgrade`);
        assert.ok(sent >= (STEPS + 1) * BETWEEN);
        assert.equal(client.transport, 'websocket');
        assert.deepEqual(client.errors, []);
        client.close();
        assert.equal(await client.closed(), 'forced close');
        road.close();
      });
    }
  });

  describe(`peers that fall silent, ${stack}`, () => {
    let server;
    before(async () => { server = await conformance('--stack', stack, '--permissive', ...WATCHFUL); });
    after(() => server?.kill());

    const path = '/engine.io/';
    const clients = [3, 6].flatMap((version) =>
      Object.keys(WAYS).map((way) => ({ who: { version, path, revision: version === 3 ? 3 : 4 }, way })));

    // All at once, as each takes the time of the heartbeats.
    const each = (run) => Promise.all(clients.map(async ({ who, way }) => {
      const road = await mutableRoad(server.port);
      const client = await open(who, road, way);
      client.send('here');
      assert.deepEqual(await client.messages(1), ['here']);
      // What the session is called, and how it is connected, is gone with it on the client's side.
      const session = { sid: client.sid, transport: client.transport };
      await run({ who, way, road, client, session });
      road.close();
    }));

    test('each side gives the other up by its own heartbeat', async () => {
      await each(async ({ who, way, road, client, session }) => {
        road.mute('up', 'down');
        assert.equal(await client.closed(), 'ping timeout', `${who.version} by ${way}`);
        await forgotten(server, who, session);
      });
    });

    test('the server gives up a client that it hears no more', async () => {
      await each(async ({ who, road, client, session }) => {
        road.mute('up');
        await forgotten(server, who, session);
        // Who can be told is told: by its WebSocket, or by a poll that was there.
        assert.match(await client.closed(), /^(ping timeout|transport close)$/);
      });
    });

    test('a client gives up a server that it hears no more', async () => {
      await each(async ({ who, road, client, session }) => {
        road.mute('down');
        assert.equal(await client.closed(), 'ping timeout');
        // Its goodbye still comes through, or its heartbeats stop.
        await forgotten(server, who, session);
      });
    });

    test('those that are heard stay', async () => {
      await each(async ({ client }) => {
        // Beyond what either side allows for silence.
        await client.until(() => client.beats >= 3);
        client.send('still here');
        assert.deepEqual(await client.messages(1), ['still here']);
        client.close();
      });
    });
  });
}
