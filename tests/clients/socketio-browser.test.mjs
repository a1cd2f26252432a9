// socket.io-client 4, 3 and 2 in Chromium: polling, websocket, the way from one to the other, JSONP, and pages from elsewhere.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser, serveScripts } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';
import { openPage } from './lib/socketio-page.mjs';
import { serve, STACKS, WAYS } from './lib/socketio.mjs';
import { test } from './lib/bounded.mjs';
import { TEXTS } from './lib/texts.mjs';

/** Texts of every kind with bytes between them. */
const SAY = Object.values(TEXTS).flatMap((text, i) => [text, Array.from({ length: i * i }, (_, n) => (n * 7) % 256)]);
const BY = { polling: 'polling by xhr', websocket: 'websocket by websocket' };
const WHO = [[4, '/socket.io/'], [3, '/socket.io/'], [4, '/legacy.io/'], [2, '/legacy.io/'], ['msgpack', '/msgpack.io/']];

const kinds = ({ requests }) => [...new Set(requests.map(({ kind, transport }) => `${transport} by ${kind}`))].sort();

function assertWhole({ heard, acked, asked, errors, reason }) {
  assert.deepEqual({ heard, acked, asked, errors, reason }, { heard: SAY, acked: SAY, asked: [true, 2, [1]], errors: [], reason: 'io client disconnect' });
}

describe('socket.io-client in Chromium', () => {
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
      let server, permissive, context;
      let own, foreign, credible;
      before(async () => {
        server = await serve(stack);
        permissive = await serve(stack, '--permissive');
        context = await browser.newContext();
        own = await openPage(context, server);
        foreign = await openPage(context, server, scripts);
        credible = await openPage(context, permissive, scripts);
      });
      after(async () => {
        await server?.kill();
        await permissive?.kill();
      });

      for (const [version, mount] of WHO) {
        for (const [way, transports] of Object.entries(WAYS)) {
          test(`client ${version} at ${mount} by ${way}`, async () => {
            const told = await own.talk(version, mount, { say: SAY, options: { transports }, upgrades: way === 'upgrade' });
            assertWhole(told);
            assert.deepEqual(kinds(told), transports.map((name) => BY[name]));
            assert.equal(told.seen.at(-1), transports.at(-1));
          });
        }
      }

      for (const [from, page] of [['of the same origin', () => own], ['from another site', () => foreign]]) {
        test(`client 2 by JSONP, on a page ${from}`, async () => {
          const told = await page().talk(2, '/legacy.io/', { say: SAY, options: { transports: WAYS.polling, forceJSONP: true } });
          assertWhole(told);
          assert.ok(told.requests.every(({ jsonp }) => jsonp), 'some went without JSONP');
          assert.deepEqual(kinds(told), ['polling by document', 'polling by script']);
        });

        test(`client 2 goes over from JSONP to websocket, on a page ${from}`, async () => {
          const options = { transports: WAYS.upgrade, forceJSONP: true };
          assertWhole(await page().talk(2, '/legacy.io/', { say: SAY, options, upgrades: true }));
        });
      }

      test('a page from another site needs the CORS headers for polling', async () => {
        for (const mount of ['/legacy.io/', '/options.io/']) {
          const refused = await foreign.talk(4, mount, { say: SAY, options: { transports: WAYS.polling } });
          assert.deepEqual([refused.errors, refused.heard], [['xhr poll error'], []]);
        }
        for (const version of [4, 3]) {
          assertWhole(await foreign.talk(version, '/socket.io/', { say: SAY, options: { transports: WAYS.upgrade }, upgrades: true }));
        }
      });

      test('pages from another site may send cookies where the server is permissive', async () => {
        for (const version of [4, 3, 2]) {
          const options = { transports: WAYS.upgrade, withCredentials: true };
          assertWhole(await credible.talk(version, '/socket.io/', { say: SAY, options, upgrades: true }));
        }
      });

      test('headers of the page\'s own are let through by the preflight', async () => {
        const options = { transports: WAYS.polling, extraHeaders: { 'x-mine': 'yes' } };
        assertWhole(await foreign.talk(4, '/socket.io/', { say: SAY, options }));
      });

      test('a refusal reaches the page', async () => {
        for (const [version, mount, nsp, message] of [
          [4, '/socket.io/', '/refused', 'nope'], [4, '/socket.io/', '/none', 'Invalid namespace'], [2, '/legacy.io/', '/refused', 'nope'],
        ]) {
          const { errors } = await own.talk(version, mount, { say: [], nsp, options: { transports: WAYS.websocket } });
          assert.deepEqual(errors, [message]);
        }
      });

      test('a page that lost its network is who it was when it comes back', async () => {
        const cable = await layCable(server.port);
        const { page } = await openPage(context, cable);
        await page.evaluate((origin) => new Promise((resolve) => {
          const socket = window.io4(`${origin}/features`, { path: '/recovery.io/', transports: ['websocket'], reconnectionDelay: 1, reconnectionDelayMax: 10 });
          window.socket = socket;
          window.heard = [];
          socket.on('echo-back', (text) => { window.heard.push(text); resolve(); });
          socket.emit('join', 'room', () => socket.emit('echo', 'before'));
        }), cable.origin);
        const id = await page.evaluate(() => window.socket.id);
        // In the same task as the wish to know of it, lest it be over before.
        await page.evaluate(() => { window.lost = new Promise((resolve) => window.socket.once('disconnect', resolve)); });
        cable.unplug();
        await page.evaluate(() => window.lost);
        await own.page.evaluate(({ origin, to }) => new Promise((resolve) => {
          const admin = window.io4(`${origin}/features`, { path: '/recovery.io/', transports: ['websocket'], forceNew: true });
          admin.emit('bc', { to: ['room', to] }, 'echo-back', 'missed', () => { admin.disconnect(); resolve(); });
        }), { origin: server.origin, to: id });
        cable.plug();
        const told = await page.evaluate(() => new Promise((resolve) => {
          const look = () => resolve({ id: window.socket.id, recovered: window.socket.recovered, heard: window.heard });
          const whenHeard = () => (window.heard.length >= 2 ? look() : window.socket.once('echo-back', () => queueMicrotask(whenHeard)));
          if (window.socket.connected) whenHeard();
          else window.socket.once('connect', whenHeard);
        }));
        assert.deepEqual(told, { id, recovered: true, heard: ['before', 'missed'] });
        await page.close();
        cable.close();
      });
    });
  }
});
