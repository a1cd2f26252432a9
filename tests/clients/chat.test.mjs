// The chat example as people use it: in browsers, on a desk and on a phone.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser } from './lib/browser.mjs';
import { layCable } from './lib/cable.mjs';
import { chat } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';

const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true };

// The most the page itself waits before it reconnects is 15 s; a busy machine may need longer.
const PATIENCE = { timeout: 60_000 };

const TRANSPORTS = [
  'websocket', 'xhr-streaming', 'eventsource', 'iframe-eventsource', 'htmlfile', 'iframe-htmlfile', 'xhr-polling',
  'iframe-xhr-polling', 'jsonp-polling',
];

const SOCKETIO_TRANSPORTS = ['polling', 'websocket'];

for (const host of ['axum', 'warp']) describe(`the chat on ${host}`, () => {
  let browser, server;
  before(async () => {
    browser = await launchBrowser();
    server = await chat(host);
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });

  /** Somebody in the room: a browser of their own with the page in it. */
  async function visitor(name, { protocol = 'sockjs', transport = '', origin = server.origin, ...options } = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE.timeout);
    const errors = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(`${origin}/?${new URLSearchParams({ name, protocol, transport })}`);
    await online(page, transport, protocol);
    return {
      page,
      async say(text) {
        await page.getByLabel('Message', { exact: true }).fill(text);
        await page.getByRole('button', { name: 'Send' }).click();
      },
      hears: (text) => page.locator('.text', { hasText: text }).first().waitFor(),
      notices: (text) => page.locator('.notice', { hasText: text }).first().waitFor(),
      async leave() {
        await context.close();
        // A poll by script tag cannot be called back: when its answer arrives, the client has forgotten its callback.
        assert.deepEqual(errors.filter((message) => !/^_jp\.\w+ is not a function$/.test(message)), []);
      },
    };
  }

  async function online(page, transport, protocol = 'sockjs') {
    const wanted = transport ? `[data-transport="${transport}"]` : '';
    await page.locator(`#state[data-state="open"][data-protocol="${protocol}"]${wanted}`).waitFor();
    if (transport) assert.equal(await page.locator('#transport').textContent(), transport);
  }

  test('two people talk over different transports', async () => {
    const ann = await visitor('Ann', { transport: 'websocket' });
    const bob = await visitor('Bob', { transport: 'jsonp-polling' });
    await ann.notices('Bob joined over SockJS (jsonp-polling)');
    await ann.say('hello over there');
    await bob.hears('hello over there');
    await bob.say('hello yourself');
    await ann.hears('hello yourself');
    await bob.page.locator('#round-trip', { hasText: /^\d+(\.\d)? ms$/ }).waitFor();
    await bob.leave();
    await ann.notices('Bob left');
    await ann.leave();
  });

  test('any transport can be forced, and is shown', async () => {
    const watcher = await visitor('Watcher');
    const roamer = await visitor('Roamer');
    for (const transport of TRANSPORTS) {
      await roamer.page.getByLabel('Use').selectOption(transport);
      await online(roamer.page, transport);
      await roamer.say(`over ${transport}`);
      await watcher.hears(`over ${transport}`);
    }
    await roamer.page.getByLabel('Use').selectOption('');
    await online(roamer.page, 'websocket');
    // Ten connections and still one person.
    await watcher.page.locator('#people li', { hasText: /^RRoamerSockJS \(websocket\)$/ }).waitFor();
    assert.equal(await watcher.page.locator('#people li').count(), 2);
    await roamer.leave();
    await watcher.leave();
  });

  test('people of both protocols are in one room', async () => {
    const ann = await visitor('Ann', { transport: 'websocket' });
    const bob = await visitor('Bob', { protocol: 'socketio', transport: 'polling' });
    await ann.notices('Bob joined over Socket.IO (polling)');
    await bob.page.locator('#people li', { hasText: 'AnnSockJS (websocket)' }).waitFor();
    await ann.say('by SockJS');
    await bob.hears('by SockJS');
    await bob.say('by Socket.IO');
    await ann.hears('by Socket.IO');
    const cem = await visitor('Cem', { protocol: 'socketio' });
    // What each of them said, whoever asks.
    await cem.hears('by SockJS');
    await cem.hears('by Socket.IO');
    for (const { page, hears } of [ann, bob, cem]) {
      await hears('by Socket.IO');
      const said = await page.locator('.text', { hasText: /^by S/ }).allTextContents();
      assert.deepEqual(said.slice(-2), ['by SockJS', 'by Socket.IO']);
    }
    await bob.page.locator('#round-trip', { hasText: /^\d+(\.\d)? ms$/ }).waitFor();
    await bob.leave();
    await ann.notices('Bob left');
    await cem.leave();
    await ann.notices('Cem left');
    assert.equal(await ann.page.locator('#people li').count(), 1);
    await ann.leave();
  });

  test('the protocol can be switched, and then its transports can be forced', async () => {
    const watcher = await visitor('Watcher');
    const roamer = await visitor('Roamer');
    const { page } = roamer;
    const way = () => watcher.page.locator('#people li', { hasText: 'Roamer' });
    await page.getByRole('radio', { name: 'Socket.IO' }).check();
    // It begins with polling and goes over by itself, which the others see as well.
    await online(page, 'websocket', 'socketio');
    await way().filter({ hasText: 'Socket.IO (websocket)' }).waitFor();
    assert.deepEqual(await page.getByLabel('Use').locator('option').allTextContents(), ['automatic', 'websocket', 'polling']);
    for (const transport of SOCKETIO_TRANSPORTS) {
      await page.getByLabel('Use').selectOption(transport);
      await online(page, transport, 'socketio');
      await roamer.say(`over Socket.IO's ${transport}`);
      await watcher.hears(`over Socket.IO's ${transport}`);
      await way().filter({ hasText: `Socket.IO (${transport})` }).waitFor();
    }
    // It is in the address, so a reload finds it chosen.
    await page.reload();
    await online(page, SOCKETIO_TRANSPORTS.at(-1), 'socketio');
    await page.getByRole('radio', { name: 'SockJS' }).check();
    await online(page, 'websocket', 'sockjs');
    await way().filter({ hasText: 'SockJS (websocket)' }).waitFor();
    assert.equal(new URL(page.url()).search, '?name=Roamer');
    assert.equal(await watcher.page.locator('#people li').count(), 2);
    await roamer.leave();
    await watcher.leave();
  });

  test("Socket.IO's client comes from its mount, with a tag", async () => {
    const url = `${server.origin}/socket.io/socket.io.min.js`;
    const script = await fetch(url);
    assert.equal(script.status, 200);
    assert.equal(script.headers.get('content-type'), 'application/javascript; charset=utf-8');
    assert.match(await script.text(), /Socket\.IO v4/);
    const again = await fetch(url, { headers: { 'if-none-match': script.headers.get('etag') } });
    assert.equal(again.status, 304);
    const map = await fetch(`${url}.map`);
    assert.equal(map.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.ok((await map.json()).sources.length > 0);
  });

  test('a newcomer reads what was said, and the JSON route counts', async () => {
    const messagesBefore = (await room()).messages;
    const ann = await visitor('Early');
    await ann.say('said before you came');
    await ann.hears('said before you came');
    const late = await visitor('Late', { transport: 'xhr-polling' });
    await late.hears('said before you came');
    const { members, messages } = await room();
    assert.equal(messages, messagesBefore + 1);
    assert.deepEqual(members.map(({ name, transport }) => `${name}: ${transport}`).sort(), ['Early: websocket', 'Late: xhr-polling']);
    await ann.leave();
    await late.leave();
    async function room() { return (await fetch(`${server.origin}/api/room`)).json(); }
  });

  test('two people of one name can be told apart', async () => {
    const first = await visitor('Sam');
    const second = await visitor('Sam');
    await first.notices('Sam 2 joined');
    await second.page.getByText('Sam 2 (you)').first().waitFor();
    await first.leave();
    await second.leave();
  });

  test('markup is text to everybody', async () => {
    const ann = await visitor('<i>Ann</i>');
    const bob = await visitor('Bob', { transport: 'htmlfile' });
    const attack = '</script><script>document.title = "hacked"</script><img src=x onerror="document.title = \'hacked\'">';
    await ann.say(attack);
    const bubble = bob.page.locator('.text', { hasText: 'onerror' });
    await bubble.waitFor();
    assert.equal(await bubble.textContent(), attack);
    assert.equal(await bob.page.locator('#log img, #log script, #log i').count(), 0);
    assert.equal(await bob.page.title(), 'Sockeye chat');
    await ann.leave();
    await bob.leave();
  });

  test('the page says that the network is gone, and comes back by itself', async () => {
    const cable = await layCable(server.port);
    for (const [protocol, transport] of [['sockjs', 'websocket'], ['sockjs', 'xhr-streaming'], ['socketio', 'websocket'], ['socketio', 'polling']]) {
      const ann = await visitor('Ann', { protocol, transport, origin: cable.origin });
      await ann.say('before the cut');
      cable.unplug();
      await ann.page.locator('#state[data-state="waiting"]').waitFor();
      assert.equal(await ann.page.locator('#state-text').textContent(), 'Reconnecting');
      assert.equal(await ann.page.getByRole('button', { name: 'Send' }).isDisabled(), true);
      cable.plug();
      await online(ann.page, transport, protocol);
      await ann.hears('before the cut');
      await ann.say(`after the cut over ${protocol} ${transport}`);
      await ann.hears(`after the cut over ${protocol} ${transport}`);
      await ann.leave();
    }
    cable.close();
  });

  test('the reader who scrolled up is not torn away', async () => {
    const ann = await visitor('Ann', { viewport: { width: 900, height: 500 } });
    const bob = await visitor('Bob');
    for (let i = 0; i < 30; i += 1) await bob.say(`line ${i} of many`);
    await ann.hears('line 29 of many');
    await ann.page.locator('#log').evaluate((log) => { log.scrollTop = 0; });
    await bob.say('something new');
    await ann.hears('something new');
    assert.equal(await ann.page.locator('#log').evaluate((log) => log.scrollTop), 0);
    await ann.page.getByRole('button', { name: 'New messages' }).click();
    assert.ok(await ann.page.locator('#log').evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2));
    await ann.leave();
    await bob.leave();
  });

  test('it asks for a name, by keyboard alone', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(server.origin);
    await page.getByRole('dialog', { name: 'Join the room' }).waitFor();
    await page.keyboard.type('Kim');
    await page.keyboard.press('Enter');
    await online(page, 'websocket');
    await page.keyboard.type('typed at once');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two lines');
    await page.keyboard.press('Enter');
    await page.locator('.mine .text', { hasText: 'typed at once' }).waitFor();
    assert.equal(await page.locator('.mine .text').textContent(), 'typed at once\ntwo lines');
    await context.close();
  });

  test('a phone has everything in reach', async () => {
    const kai = await visitor('Kai', PHONE);
    await kai.say(`a long word: ${'w'.repeat(300)}`);
    await kai.hears('a long word');
    const { page } = kai;
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'the page scrolls sideways');
    const send = await page.getByRole('button', { name: 'Send' }).boundingBox();
    assert.ok(send.y + send.height <= PHONE.viewport.height, 'the button is below the screen');
    assert.ok(send.width >= 40 && send.height >= 40, 'the button is too small for a finger');
    await page.getByRole('button', { name: 'here' }).tap();
    await page.getByLabel('Use').selectOption('xhr-streaming');
    await online(page, 'xhr-streaming');
    await page.getByRole('radio', { name: 'Socket.IO' }).tap();
    await online(page, 'websocket', 'socketio');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'the panel scrolls sideways');
    await page.getByRole('button', { name: 'Back to chat' }).tap();
    await kai.say('from the phone');
    await kai.hears('from the phone');
    await kai.leave();
  });

  test('a server that is told to stop says so on every transport, and ends', async () => {
    const own = await chat(host);
    const visitors = [];
    for (const transport of TRANSPORTS) visitors.push(await visitor(`by ${transport}`, { origin: own.origin, transport }));
    for (const transport of SOCKETIO_TRANSPORTS) {
      visitors.push(await visitor(`by Socket.IO ${transport}`, { origin: own.origin, protocol: 'socketio', transport }));
    }
    await visitors[0].say('still here');
    for (const { hears } of visitors) await hears('still here');
    assert.equal((await fetch(`${own.origin}/healthz`)).status, 200);
    const stopped = own.stop();
    for (const { notices } of visitors) await notices('the server is restarting');
    assert.deepEqual(await stopped, { code: 0, signal: null });
    // What their iframes miss now is of no interest.
    for (const { page } of visitors) await page.context().close();
  });
});
