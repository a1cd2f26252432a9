// sockjs-client in Chromium: every transport, from a page of the same origin and from one of another site.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser, openPage, serveScripts } from './lib/browser.mjs';
import { conformance, STACKS } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';
import { TEXTS } from './lib/texts.mjs';

// transport -> the last part of the URL it receives at, the one it sends to, and whether they are asked for inside a frame
const TRANSPORTS = {
  'websocket': { receives: 'websocket' },
  'xhr-streaming': { receives: 'xhr_streaming', sends: 'xhr_send' },
  'eventsource': { receives: 'eventsource', sends: 'xhr_send' },
  'htmlfile': { receives: 'htmlfile', sends: 'xhr_send' },
  'iframe-eventsource': { receives: 'eventsource', sends: 'xhr_send', inFrame: true },
  'iframe-htmlfile': { receives: 'htmlfile', sends: 'xhr_send', inFrame: true },
  'xhr-polling': { receives: 'xhr', sends: 'xhr_send' },
  'iframe-xhr-polling': { receives: 'xhr', sends: 'xhr_send', inFrame: true },
  'jsonp-polling': { receives: 'jsonp', sends: 'jsonp_send' },
};

for (const stack of STACKS) {
  for (const sameOrigin of [true, false]) {
    describe(`sockjs-client in Chromium, ${stack}, ${sameOrigin ? 'same origin' : 'from another site'}`, () => {
      let browser, scripts, server;
      before(async () => {
        browser = await launchBrowser();
        scripts = await serveScripts();
        server = await conformance('--stack', stack, '--sockjs-url', scripts.script);
      });
      after(async () => {
        await browser?.close();
        scripts?.close();
        await server?.kill();
      });

      /** Plays one conversation on a fresh page. */
      async function talk(mount, options) {
        const context = await browser.newContext();
        const { page, requests } = await openPage(context, server, { sameOrigin, scripts });
        const result = await page.evaluate(([url, options]) => window.talk(url, options), [`${server.origin}${mount}`, options]);
        const cookies = await context.cookies(server.origin);
        await context.close();
        return { ...result, requests, cookies };
      }

      for (const [transport, way] of Object.entries(TRANSPORTS)) {
        if (transport === 'htmlfile' && !sameOrigin) {
          test('htmlfile: the client itself leaves it out across origins', async () => {
            const { close, requests } = await talk('/echo', { transports: ['htmlfile'], say: ['never sent'] });
            assert.deepEqual(close, { code: 2000, reason: 'All transports failed', wasClean: false });
            assert.deepEqual(requests.map(({ path }) => path), ['/echo/info']);
          });
          continue;
        }

        describe(transport, () => {
          test('is really what carries every kind of text', async () => {
            const say = Object.values(TEXTS);
            const { transport: used, heard, requests } = await talk('/echo', { transports: [transport], say });
            assert.equal(used, transport);
            assert.deepEqual(heard, say);
            assertCarriedBy(requests, '/echo', way);
          });

          test('keeps two hundred messages in order', async () => {
            const say = Array.from({ length: 200 }, (_, i) => String(i));
            const { heard } = await talk('/echo', { transports: [transport], say });
            assert.deepEqual(heard, say);
          });

          test('goes on when a response reached its limit', async () => {
            const say = Array.from({ length: 20 }, (_, i) => `${i} ${'.'.repeat(1000)}`);
            const { heard, requests } = await talk('/echo', { transports: [transport], say, inTurn: true });
            assert.deepEqual(heard, say);
            // A response of at most 4096 bytes ends with the frame that crosses that: five of these messages.
            const responses = requests.filter(({ path }) => path.endsWith(`/${way.receives}`)).length;
            if (way.sends) assert.ok(responses >= 4, `${responses} responses carried it all`);
          });

          test('carries a large message', async () => {
            const text = 'é1'.repeat(100_000);
            const { heard } = await talk('/echo', { transports: [transport], say: [text] });
            assert.equal(heard.length, 1);
            assert.ok(heard[0] === text, 'the text came back changed');
          });

          test('learns code and reason when the server closes', async () => {
            const { close } = await talk('/close', { transports: [transport], leave: false });
            assert.deepEqual(close, { code: 3000, reason: 'Go away!', wasClean: true });
          });

          test('works with a session cookie', async () => {
            const { heard, cookies } = await talk('/cookie_needed_echo', { transports: [transport], say: ['with a cookie'] });
            assert.deepEqual(heard, ['with a cookie']);
            // A browser keeps no cookie for a request from another site, so there the balancer needs the URL's server part. And a
            // websocket, being one connection, needs no cookie to stay with its server.
            if (sameOrigin && way.sends) assert.deepEqual(cookies.map(({ name, value }) => `${name}=${value}`), ['JSESSIONID=dummy']);
          });
        });
      }

      test('takes websocket when it may choose', async () => {
        const { transport, heard } = await talk('/echo', { say: ['free choice'] });
        assert.deepEqual({ transport, heard }, { transport: 'websocket', heard: ['free choice'] });
      });

      test('falls back to xhr-streaming where websocket is off', async () => {
        const { transport, heard } = await talk('/disabled_websocket_echo', { say: ['without'] });
        assert.deepEqual({ transport, heard }, { transport: 'xhr-streaming', heard: ['without'] });
      });
    });
  }
}

/** The network saw this transport's requests and no other's. */
function assertCarriedBy(requests, mount, { receives, sends, inFrame = false }) {
  const below = requests.filter(({ path }) => path.startsWith(`${mount}/`));
  const session = below.filter(({ path }) => path.split('/').length === 5);
  const names = new Set(session.map(({ path }) => path.split('/').pop()));
  assert.deepEqual([...names].sort(), [receives, sends].filter(Boolean).sort());
  assert.equal(below.some(({ path }) => /\/iframe[^/]*\.html$/.test(path)), inFrame, 'whether the iframe page was loaded');
  const asked = session.filter(({ path }) => path.endsWith('/xhr_send'));
  if (asked.length) assert.ok(asked.every((each) => each.inFrame === inFrame), 'whether the frame did the asking');
}
