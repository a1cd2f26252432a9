// The TLS example in Chromium, which speaks HTTP/2 there: three transports over one connection.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser } from './lib/browser.mjs';
import { tls } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';
import { TEXTS } from './lib/texts.mjs';

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource'];

// What the server must have seen below the mount: method, extended CONNECT's protocol, the path's end.
const REQUESTS = [
  'CONNECT websocket /websocket',
  'GET /eventsource',
  'GET /info',
  'POST /xhr_send',
  'POST /xhr_streaming',
];

describe('the TLS example', () => {
  let browser, server, origin;
  before(async () => {
    browser = await launchBrowser();
    server = await tls();
    origin = `https://${server.address}`;
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });

  /** The example's page in a browser of its own, which makes connections of its own. */
  async function openPage() {
    // Nobody has signed the certificate.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.goto(origin);
    return { context, page, sockets };
  }

  const requests = (page) => page.evaluate(async () => (await fetch('/requests')).json());

  test('carries websocket, xhr-streaming and eventsource sessions side by side over one HTTP/2 connection', async () => {
    const { context, page, sockets } = await openPage();
    for (const transport of TRANSPORTS) await page.locator(`section[data-transport="${transport}"][data-state="open"]`).waitFor();
    const texts = ['hello', 'once more'];
    for (const text of texts) {
      await page.getByLabel('Say').fill(text);
      await page.getByRole('button', { name: 'Send on all' }).click();
      for (const transport of TRANSPORTS) {
        await page.locator(`section[data-transport="${transport}"] li`, { hasText: text }).waitFor();
      }
    }
    // All are still open and have said what they heard, in turn: none waited for another's end.
    for (const transport of TRANSPORTS) {
      const lines = await page.locator(`section[data-transport="${transport}"] li`).allTextContents();
      assert.deepEqual(lines, ['open', ...texts], transport);
    }
    assert.equal(sockets.length, 1);

    // The server's side: every request of this page came from one port, over HTTP/2.
    const seen = await requests(page);
    const [{ peer }] = seen;
    assert.match(peer, /^127\.0\.0\.1:\d+$/);
    for (const request of seen) {
      assert.deepEqual([request.peer, request.version, request.secure], [peer, 'HTTP/2.0', true], request.path);
    }
    const below = seen.filter(({ path }) => path.startsWith('/echo/'));
    const kinds = below.map(({ method, protocol, path }) => [method, protocol, path.replace(/.*(?=\/)/, '')].filter(Boolean).join(' '));
    assert.deepEqual([...new Set(kinds)].sort(), REQUESTS);

    // The browser's side. A WebSocket has no entry there, and a stream none before its end.
    const protocols = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
      .map(({ name, nextHopProtocol }) => [new URL(name).pathname, nextHopProtocol]));
    assert.ok(protocols.some(([path]) => path.endsWith('/xhr_send')), JSON.stringify(protocols));
    for (const [path, protocol] of protocols) assert.equal(protocol, 'h2', path);
    await context.close();
  });

  for (const transport of TRANSPORTS) {
    test(`carries every kind of text over ${transport}`, async () => {
      const { context, page } = await openPage();
      const say = Object.values(TEXTS);
      const heard = await page.evaluate(([transport, say]) => new Promise((resolve, reject) => {
        const socket = new SockJS('/echo', null, { transports: [transport], timeout: 60_000 });
        const heard = [];
        socket.onopen = () => say.forEach((text) => socket.send(text));
        socket.onmessage = ({ data }) => {
          heard.push(data);
          if (heard.length === say.length) { resolve(heard); socket.close(); }
        };
        socket.onclose = ({ code, reason }) => reject(new Error(`${code} ${reason}`));
      }), [transport, say]);
      assert.deepEqual(heard, say);
      await context.close();
    });
  }

  test('says goodbye on each of them when it is told to stop', async () => {
    const leaving = await tls();
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`https://${leaving.address}/`);
    for (const transport of TRANSPORTS) await page.locator(`section[data-transport="${transport}"][data-state="open"]`).waitFor();
    const ended = leaving.stop();
    for (const transport of TRANSPORTS) {
      await page.locator(`section[data-transport="${transport}"] li`, { hasText: 'closed: 1001 Going away' }).waitFor();
    }
    assert.deepEqual(await ended, { code: 0, signal: null });
    await context.close();
  });
});
