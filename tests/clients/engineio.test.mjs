// engine.io-client 6 and 3, in Node and in Chromium: polling, websocket, and the way from one to the other, on every stack.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { badRoad, FATES } from './lib/road.mjs';
import { Client, CLIENTS, open, WAYS } from './lib/engineio.mjs';
import { conformance, STACKS } from './lib/server.mjs';
import { launchBrowser, serveScripts } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';
import { openPage } from './lib/engineio-page.mjs';
import { test } from './lib/bounded.mjs';
import { TEXTS, wholeBasicPlane } from './lib/texts.mjs';

// A busy machine may need longer than the default of 200 ms to answer a heartbeat.
const PATIENT = ['--ping-interval-ms', '25000', '--ping-timeout-ms', '20000'];
const BEATING = ['--ping-interval-ms', '100', '--ping-timeout-ms', '60000'];

const BYTES = [Buffer.alloc(0), Buffer.from([0]), Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.alloc(70_001, 'é\0')];

// What parts packets in revision 4's payloads cannot be inside of one.
const sayable = (text, { revision }, way) => (revision === 4 && way !== 'websocket' ? text.replaceAll('\x1e', '') : text);

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** What the server says to a request that fits no session: 3 where there is one, 1 where there is none. */
async function errorFor(server, { path, revision }, sid, transport) {
  const other = transport === 'polling' ? 'websocket' : 'polling';
  const answer = await fetch(`${server.origin}${path}?EIO=${revision}&transport=${other}&sid=${sid}`);
  return (await answer.json()).code;
}

for (const stack of STACKS) {
  for (const who of CLIENTS) {
    describe(`engine.io-client ${who.version} in Node at ${who.path}, ${stack}`, () => {
      let server;
      before(async () => { server = await conformance('--stack', stack, ...PATIENT); });
      after(() => server?.kill());

      for (const way of Object.keys(WAYS)) {
        describe(way, () => {
          test('is really how the session goes', async () => {
            const client = await open(who, server, way);
            client.send('so the server has seen the last step of an upgrade');
            await client.messages(1);
            assert.equal(client.transport, WAYS[way].at(-1));
            assert.equal(await errorFor(server, who, client.sid, client.transport), 3);
            client.close();
          });

          test('echoes every kind of text', async () => {
            const texts = [...Object.values(TEXTS), ...wholeBasicPlane()].map((text) => sayable(text, who, way));
            const client = await open(who, server, way);
            for (const text of texts) client.send(text);
            assert.deepEqual(await client.messages(texts.length), texts);
            client.close();
          });

          test('echoes bytes between texts', async () => {
            const client = await open(who, server, way);
            const said = BYTES.flatMap((bytes) => [bytes, `€ after ${bytes.length} 😀`]);
            for (const each of said) client.send(each);
            const heard = await client.messages(said.length);
            said.forEach((each, i) => assert.ok(Buffer.isBuffer(each) ? each.equals(heard[i]) : each === heard[i], `message ${i}: ${heard[i]}`));
            client.close();
          });

          test('carries nearly a megabyte in one message', async () => {
            const client = await open(who, server, way);
            const text = 'é1'.repeat(333_000);
            const bytes = Buffer.alloc(749_000, 'some bytes');
            client.send(text);
            const [echoed] = await client.messages(1);
            assert.ok(echoed === text, 'the text came back changed');
            client.send(bytes);
            const [back] = await client.messages(1);
            assert.ok(bytes.equals(back), 'the bytes came back changed');
            client.close();
          });

          test('ends a session whose message is too large', async () => {
            const client = await open(who, server, way);
            client.send('x'.repeat(1_000_001));
            assert.match(await client.closed(), /^transport (close|error)$/);
          });

          test('keeps a thousand messages in order', async () => {
            const client = await open(who, server, way);
            const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
            for (const number of numbers) client.send(number);
            assert.deepEqual(await client.messages(1000), numbers);
            client.close();
          });

          test('closes by itself, and the session is over', async () => {
            const client = await open(who, server, way);
            client.send('here');
            await client.messages(1);
            const { sid, transport } = client;
            client.close();
            assert.equal(await client.closed(), 'forced close');
            while (await errorFor(server, who, sid, transport) !== 1) await nextTurn();
          });

          test('comes back as another session when the network is back', async () => {
            const cable = await layCable(server.port);
            const first = await open(who, cable, way);
            const { sid } = first;
            cable.unplug();
            assert.match(await first.closed(), /^transport (close|error)$/);
            cable.plug();
            const second = await open(who, cable, way);
            assert.notEqual(second.sid, sid);
            second.send('again');
            assert.deepEqual(await second.messages(1), ['again']);
            second.close();
            cable.close();
          });
        });
      }

      test('loses, doubles and reorders nothing while sessions upgrade under load', async () => {
        const talk = async () => {
          const client = new Client(who.version, server.origin.replace('http', 'ws'), who.path, WAYS.upgrade);
          await client.until(() => client.isOpen);
          let sent = 0;
          // Both sides talk all the time, as each message is sent back.
          for (let beyond = 0; beyond < 100; beyond += client.isUpgraded ? 1 : 0) {
            client.send(sent % 7 === 3 ? Buffer.from(String(sent)) : String(sent));
            sent += 1;
            await nextTurn();
          }
          const heard = await client.messages(sent);
          assert.deepEqual(heard.map(String), Array.from({ length: sent }, (_, i) => String(i)));
          assert.ok(heard.every((each, i) => Buffer.isBuffer(each) === (i % 7 === 3)), 'text stays text, and bytes bytes');
          assert.ok(sent > 100, 'none was sent before the upgrade');
          assert.equal(client.transport, 'websocket');
          client.close();
        };
        await Promise.all(Array.from({ length: 12 }, talk));
      });

      for (const fate of FATES) {
        test(`stays on polling with nothing lost when the upgrade is ${fate}`, async () => {
          const road = await badRoad(server.port, fate);
          const client = new Client(who.version, road.origin.replace('http', 'ws'), who.path, WAYS.upgrade);
          await client.until(() => client.isOpen);
          const isOver = ['refused', 'cut after the handshake'].includes(fate) ? () => client.errors.length > 0 : () => road.upgrades > 0;
          let sent = 0;
          for (let beyond = 0; beyond < 100; beyond += isOver() ? 1 : 0) {
            client.send(String(sent));
            sent += 1;
            await nextTurn();
          }
          assert.deepEqual(await client.messages(sent), Array.from({ length: sent }, (_, i) => String(i)));
          assert.equal(road.upgrades, 1);
          assert.equal(client.isUpgraded, false);
          assert.equal(client.transport, 'polling');
          client.close();
          road.close();
        });
      }
    });
  }

  describe(`what engine.io-client sees of the server's options, ${stack}`, () => {
    test('heartbeats come on every way, over and over', async () => {
      const server = await conformance('--stack', stack, '--permissive', ...BEATING);
      await Promise.all([3, 6].flatMap((version) => Object.keys(WAYS).map(async (way) => {
        const client = await open({ version, path: '/engine.io/' }, server, way);
        await client.until(() => client.beats >= 6);
        client.send('still here');
        assert.deepEqual(await client.messages(1), ['still here']);
        client.close();
      })));
      await server.kill();
    });

    test('revision 3 is refused where it is not let in', async () => {
      const server = await conformance('--stack', stack);
      const client = new Client(3, server.origin.replace('http', 'ws'), '/engine.io/', WAYS.polling);
      assert.equal(await client.closed(), 'transport error');
      const answer = await fetch(`${server.origin}/engine.io/?EIO=3&transport=polling`);
      assert.deepEqual([answer.status, await answer.json()], [400, { code: 5, message: 'Unsupported protocol version' }]);
      await server.kill();
    });

    test('a permissive server takes ten megabytes', async () => {
      const server = await conformance('--stack', stack, '--permissive', ...PATIENT);
      for (const version of [3, 6]) {
        const client = await open({ version, path: '/engine.io/' }, server, 'upgrade');
        const text = 'x'.repeat(9_999_999);
        client.send(text);
        assert.ok((await client.messages(1))[0] === text, 'the text came back changed');
        client.close();
      }
      await server.kill();
    });

    test('only the origins that are named get in', async () => {
      const server = await conformance('--stack', stack, '--allowed-origins', 'http://good.test');
      const ask = async (origin) => {
        const answer = await fetch(`${server.origin}/engine.io/?EIO=4&transport=polling`, { headers: { origin } });
        await answer.text();
        return answer.status;
      };
      assert.deepEqual([await ask('http://good.test'), await ask('http://bad.test')], [200, 403]);
      await server.kill();
    });

    test('CORS headers are those of the mount', async () => {
      const told = async (server, path) => {
        const answer = await fetch(`${server.origin}${path}?EIO=4&transport=polling`, { headers: { origin: 'http://page.test' } });
        await answer.text();
        return ['origin', 'credentials'].map((name) => answer.headers.get(`access-control-allow-${name}`));
      };
      const server = await conformance('--stack', stack);
      assert.deepEqual(await told(server, '/engine.io/'), ['*', null]);
      assert.deepEqual(await told(server, '/legacy-engine.io/'), [null, null]);
      await server.kill();
      const permissive = await conformance('--stack', stack, '--permissive');
      assert.deepEqual(await told(permissive, '/engine.io/'), ['http://page.test', 'true']);
      await permissive.kill();
    });

    test('the path without a slash is the application\'s', async () => {
      const server = await conformance('--stack', stack);
      for (const path of ['/engine.io', '/engine.iox/']) {
        const answer = await fetch(`${server.origin}${path}?EIO=4&transport=polling`);
        await answer.text();
        assert.equal(answer.status, 404, path);
        assert.equal(answer.headers.get('access-control-allow-origin'), null, path);
      }
      const answer = await fetch(`${server.origin}/engine.io/any/thing?EIO=4&transport=polling`);
      assert.match(await answer.text(), /^0\{"sid":"[\w-]+","upgrades":\["websocket"\],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000\}$/);
      await server.kill();
    });

    test('a drain ends every session, and the server by itself', async () => {
      const server = await conformance('--stack', stack, ...PATIENT);
      const clients = await Promise.all(CLIENTS.flatMap((who) => Object.keys(WAYS).map((way) => open(who, server, way))));
      for (const client of clients) client.send('here');
      for (const client of clients) await client.messages(1);
      const stopped = server.stop();
      for (const client of clients) assert.match(await client.closed(), /^transport (close|error)$/);
      assert.deepEqual(await stopped, { code: 0, signal: null });
    });
  });
}

describe('engine.io-client in Chromium', () => {
  let browser, scripts;
  before(async () => {
    browser = await launchBrowser();
    scripts = await serveScripts();
  });
  after(async () => {
    await browser?.close();
    scripts?.close();
  });

  for (const stack of STACKS) {
    describe(stack, () => {
      let server, permissive;
      let own, foreign, credible;
      before(async () => {
        server = await conformance('--stack', stack, ...PATIENT);
        permissive = await conformance('--stack', stack, '--permissive', ...PATIENT);
        const context = await browser.newContext();
        own = await openPage(context, server);
        foreign = await openPage(context, server, scripts);
        credible = await openPage(context, permissive, scripts);
      });
      after(async () => {
        await server?.kill();
        await permissive?.kill();
      });

      const assertWhole = ({ heard, reason, errors }, say) =>
        assert.deepEqual({ heard, reason, errors }, { heard: say, reason: 'forced close', errors: [] });
      const kinds = ({ requests }) => [...new Set(requests.map(({ kind, transport }) => `${transport} by ${kind}`))].sort();
      const BY = { polling: 'polling by xhr', websocket: 'websocket by websocket' };

      for (const who of CLIENTS) {
        for (const [way, transports] of Object.entries(WAYS)) {
          test(`client ${who.version} at ${who.path} by ${way}`, async () => {
            const say = conversation(who, way);
            const told = await own.talk(who.version, who.path, { say, options: { transports }, upgrades: way === 'upgrade' });
            assertWhole(told, say);
            assert.deepEqual(kinds(told), transports.map((name) => BY[name]));
          });
        }
      }

      for (const [from, page] of [['of the same origin', () => own], ['from another site', () => foreign]]) {
        const who = CLIENTS.find(({ version }) => version === 3);

        test(`client 3 by JSONP, on a page ${from}`, async () => {
          const say = formed(conversation(who, 'polling'));
          const options = { transports: WAYS.polling, forceJSONP: true };
          const told = await page().talk(3, who.path, { say, options });
          assertWhole(told, say);
          assert.ok(told.requests.every(({ jsonp }) => jsonp), 'some went without JSONP');
          assert.deepEqual(kinds(told), ['polling by document', 'polling by script']);
        });

        test(`client 3 goes over from JSONP to websocket, on a page ${from}`, async () => {
          const say = formed(conversation(who, 'polling'));
          const options = { transports: WAYS.upgrade, forceJSONP: true };
          const told = await page().talk(3, who.path, { say, options, upgrades: true });
          assertWhole(told, say);
        });
      }

      test('a page from another site needs the CORS headers for polling', async () => {
        const who = CLIENTS[0];
        const say = conversation(who, 'upgrade');
        const refused = await foreign.talk(6, '/legacy-engine.io/', { say, options: { transports: WAYS.polling } });
        assert.deepEqual(refused.errors, ['xhr poll error']);
        const told = await foreign.talk(6, '/engine.io/', { say, options: { transports: WAYS.upgrade }, upgrades: true });
        assertWhole(told, say);
      });

      test('pages from another site may send cookies where the server is permissive', async () => {
        for (const who of [{ version: 3, revision: 3 }, { version: 6, revision: 4 }]) {
          const say = conversation(who, 'upgrade');
          const options = { transports: WAYS.upgrade, withCredentials: true };
          const told = await credible.talk(who.version, '/engine.io/', { say, options, upgrades: true });
          assertWhole(told, say);
        }
      });
    });
  }
});

/** Texts of every kind with bytes between them. */
function conversation(who, way) {
  return Object.values(TEXTS).flatMap((text, i) => [sayable(text, who, way), Array.from({ length: i * i }, (_, n) => (n * 7) % 256)]);
}

/** A form makes two characters of a carriage return, so that JSONP's lengths would be wrong. */
function formed(said) {
  return said.map((each) => (typeof each === 'string' ? each.replaceAll('\r', '') : each));
}
