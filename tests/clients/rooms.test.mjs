// The rooms example: one room whose members come over SockJS, WebSocket and EventSource; and what a browser makes of its streams.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser, serveScripts } from './lib/browser.mjs';
import { rooms } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';

const KINDS = ['sockjs', 'websocket', 'events'];

/** Has the server tell the room something; how many it reached. */
async function say(server, text) {
  const response = await fetch(`${server.origin}/say`, { method: 'POST', body: new URLSearchParams({ text }) });
  assert.equal(response.status, 200);
  return response.json();
}

/** Has the server end all sessions of a kind; how many those were. */
async function end(server, transport) {
  const response = await fetch(`${server.origin}/end`, { method: 'POST', body: new URLSearchParams({ transport }) });
  return response.json();
}

/** Runs in the page: opens a stream and writes down what it dispatches. */
function defineListen() {
  window.listen = (url, options) => {
    const events = new EventSource(url, options);
    const heard = window.heard = { opened: 0, errors: [], messages: [], said: [] };
    events.onopen = () => heard.opened++;
    events.onerror = () => heard.errors.push(events.readyState);
    events.onmessage = ({ data }) => heard.messages.push(data);
    events.addEventListener('said', ({ data, lastEventId, origin }) => {
      heard.said.push({ text: JSON.parse(data).said.text, id: lastEventId, origin });
    });
  };
}

describe('the rooms page', () => {
  let browser, server, page;
  before(async () => {
    browser = await launchBrowser();
    server = await rooms();
    page = await browser.newPage();
    await page.goto(server.origin);
    for (const kind of KINDS) await page.locator(`section[data-kind="${kind}"][data-state="open"]`).waitFor();
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });

  const pane = (kind) => page.locator(`section[data-kind="${kind}"]`);
  const texts = (kind) => pane(kind).locator('.said-text').allTextContents();
  const heardBy = (kind, text) => pane(kind).locator('.said-text', { hasText: text }).waitFor();

  test('is in the room three times, and every way to speak reaches all of it in one order', async () => {
    for (const kind of KINDS) await pane(kind).getByText('1 in the room').waitFor();
    const ways = { post: 'POST /say', sockjs: 'sockjs', websocket: 'websocket' };
    for (const [way, by] of Object.entries(ways)) {
      await page.getByLabel('By way of').selectOption(way);
      await page.getByLabel('Say', { exact: true }).fill(`by way of ${way}`);
      await page.getByRole('button', { name: 'Send' }).click();
      for (const kind of KINDS) {
        await heardBy(kind, `by way of ${way}`);
        await pane(kind).getByText(` by ${by}`).waitFor();
      }
    }
    assert.equal(await say(server, 'from outside'), 3);
    for (const kind of KINDS) {
      await heardBy(kind, 'from outside');
      assert.deepEqual(await texts(kind), ['by way of post', 'by way of sockjs', 'by way of websocket', 'from outside']);
    }
  });

  test('has the sessions of one transport ended alone, and they come back', async () => {
    for (const kind of KINDS) {
      await pane(kind).getByRole('button', { name: 'End these' }).click();
      await page.locator(`section[data-kind="${kind}"][data-state="waiting"]`).waitFor();
      for (const other of KINDS) if (other !== kind) assert.equal(await pane(other).getAttribute('data-state'), 'open');
      await page.locator(`section[data-kind="${kind}"][data-state="open"]`).waitFor();
      await pane(kind).getByText('1 in the room').waitFor();
      assert.equal(await say(server, `after ${kind}`), 3);
      for (const each of KINDS) await heardBy(each, `after ${kind}`);
    }
  });

  test('loses its members when it is left', async () => {
    await page.goto('about:blank');
    // Two may be noticed a moment later than the page is gone.
    let reached;
    do reached = await say(server, 'anybody?'); while (reached > 0);
    assert.equal(reached, 0);
  });
});

describe('an EventSource', () => {
  let browser, server, scripts;
  before(async () => {
    browser = await launchBrowser();
    scripts = await serveScripts();
    server = await rooms('--heartbeat', '1', '--allow-origin', new URL(scripts.page).origin);
  });
  after(async () => {
    await browser?.close();
    scripts?.close();
    await server?.kill();
  });

  /** A page that listens to the room's stream, from the server's own origin or from another site. */
  async function listening(from, options = {}) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const requests = [];
    page.on('request', async (request) => {
      if (new URL(request.url()).pathname === '/events') requests.push(await request.allHeaders());
    });
    await page.goto(from);
    await page.evaluate(defineListen);
    await page.evaluate(([url, options]) => window.listen(url, options), [`${server.origin}/events`, options]);
    const heard = () => page.evaluate(() => window.heard);
    const until = (condition) => page.waitForFunction(condition);
    return { context, page, requests, heard, until };
  }

  test('has names and ids, and comes back with the last id and misses nothing', async () => {
    const { context, requests, heard, until } = await listening(`${server.origin}/rooms.css`);
    await until(() => window.heard.opened === 1);
    await say(server, 'one\ntwo');
    await until(() => window.heard.said.length === 1);
    assert.equal(await end(server, 'events'), 1);
    // While it is away; it waits half a second, as it was told to.
    await say(server, 'missed');
    await until(() => window.heard.opened === 2 && window.heard.said.length === 2);
    await say(server, 'three');
    await until(() => window.heard.said.length === 3);
    const { said, messages, errors } = await heard();
    assert.deepEqual(said.map(({ text }) => text), ['one\ntwo', 'missed', 'three']);
    const ids = said.map(({ id }) => Number(id));
    assert.deepEqual(ids, [ids[0], ids[0] + 1, ids[0] + 2]);
    assert.ok(said.every(({ origin }) => origin === server.origin));
    // Nothing without a name, and one end of a stream, after which it connected again by itself.
    assert.deepEqual({ messages, errors }, { messages: [], errors: [0] });
    assert.deepEqual(requests.map((headers) => headers['last-event-id']), [undefined, String(ids[0])]);
    await context.close();
  });

  test('shows no heartbeats, though they come', async () => {
    const { context, heard, until } = await listening(`${server.origin}/rooms.css`);
    await until(() => window.heard.opened === 1);
    // The same stream as bytes: heartbeats have come by the time it has two.
    const bytes = await fetch(`${server.origin}/events`);
    let text = '';
    for await (const chunk of bytes.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.split('\n:\n').length > 2) break;
    }
    await say(server, 'after heartbeats');
    await until(() => window.heard.said.length === 1);
    const { messages, errors, opened } = await heard();
    assert.deepEqual({ messages, errors, opened }, { messages: [], errors: [], opened: 1 });
    await context.close();
  });

  test('works from a listed origin with credentials, and from no other', async () => {
    const { context, requests, until, heard } = await listening(scripts.page, { withCredentials: true });
    await until(() => window.heard.opened === 1);
    await say(server, 'across origins');
    await until(() => window.heard.said.length === 1);
    assert.equal((await heard()).said[0].origin, server.origin);
    assert.equal(requests[0].origin, new URL(scripts.page).origin);
    await context.close();

    // The same page by another name is of another origin.
    const unlisted = await listening(scripts.page.replace('localhost', '127.0.0.1'), { withCredentials: true });
    await unlisted.until(() => window.heard.errors.length === 1);
    // Refused for good: 2 is CLOSED.
    assert.deepEqual((await unlisted.heard()).errors, [2]);
    await unlisted.context.close();
  });

  test('is told nothing but the end by a drain', async () => {
    const { context, until, heard } = await listening(`${server.origin}/rooms.css`);
    await until(() => window.heard.opened === 1);
    await say(server, 'last words');
    await until(() => window.heard.said.length === 1);
    const { code } = await server.stop();
    assert.equal(code, 0);
    await until(() => window.heard.errors.length > 0);
    const { said, messages } = await heard();
    assert.deepEqual({ said: said.length, messages }, { said: 1, messages: [] });
    await context.close();
  });
});
