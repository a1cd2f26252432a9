// The Socket.IO examples as people use them, in Chromium with the client that their own mounts serve.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe } from 'node:test';

import { launchBrowser } from './lib/browser.mjs';
import { notifier, privateMessaging, upload } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';

const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true };

let browser;
before(async () => { browser = await launchBrowser(); });
after(async () => { await browser?.close(); });

/** A page in a browser of its own; what went wrong in it is an error when it is left. */
async function open(origin, options) {
  const context = await browser.newContext(options);
  return { context, ...await tab(context, origin) };
}

async function tab(context, origin) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const errors = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  await page.goto(origin);
  return { page, errors };
}

const connected = (page) => page.locator('#state[data-state="connected"]').waitFor();
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

describe('the notifier', () => {
  let server;
  before(async () => { server = await notifier(); });
  after(async () => { await server?.kill(); });

  async function post(topic, body, headers = { 'content-type': 'application/json' }) {
    const response = await fetch(`${server.origin}/notify/${topic}`, { method: 'POST', headers, body });
    return [response.status, response.ok ? await response.json() : null];
  }

  test('tells those who subscribed, and nobody else', async () => {
    const ann = await open(server.origin);
    const bob = await open(server.origin, PHONE);
    for (const { page } of [ann, bob]) await connected(page);
    assert.deepEqual(await post('releases', '{"text":"too early"}'), [200, { reached: 0 }]);
    await ann.page.getByLabel('releases').check();
    await ann.page.getByLabel('alerts').check();
    await bob.page.getByLabel('alerts').check();
    // The boxes say what is wished; a post tells when the server knows.
    let told;
    do told = await post('alerts', '{"text":"a drill"}'); while (told[1].reached < 2);
    do told = await post('releases', '{"text":"1.0 <b>is</b> out"}'); while (told[1].reached < 1);
    await ann.page.locator('#heard .text', { hasText: '1.0 <b>is</b> out' }).first().waitFor();
    await ann.page.locator('#heard .text', { hasText: 'a drill' }).first().waitFor();
    await bob.page.getByRole('textbox', { name: 'Text' }).fill('from a phone');
    await bob.page.getByLabel('Topic').selectOption('alerts');
    await bob.page.getByRole('button', { name: 'Post' }).tap();
    await bob.page.getByText('It reached 2.').waitFor();
    await ann.page.locator('#heard .text', { hasText: 'from a phone' }).waitFor();
    assert.equal(await bob.page.locator('#heard .topic', { hasText: 'releases' }).count(), 0);
    assert.ok(await fits(bob.page), 'the page scrolls sideways');

    await ann.page.getByLabel('alerts').uncheck();
    do told = await post('alerts', '{"text":"over"}'); while (told[1].reached > 1);
    for (const { context, errors } of [ann, bob]) {
      await context.close();
      assert.deepEqual(errors, []);
    }
    do told = await post('alerts', '{"text":"anybody?"}'); while (told[1].reached > 0);
  });

  test('refuses what is no notification', async () => {
    assert.equal((await post('gossip', '{"text":"x"}'))[0], 404);
    assert.equal((await post('alerts', '{"text":"  "}'))[0], 422);
    assert.equal((await post('alerts', JSON.stringify({ text: 'x'.repeat(501) })))[0], 422);
    // What a form of another site could send.
    assert.equal((await post('alerts', '{"text":"x"}', { 'content-type': 'text/plain' }))[0], 415);
  });

  test('lets nobody into a room that is no topic', async () => {
    const { context, page } = await open(server.origin);
    await connected(page);
    const answers = await page.evaluate(async () => {
      const socket = io({ forceNew: true });
      const other = io({ forceNew: true });
      await Promise.all([socket, other].map((each) => new Promise((resolve) => each.on('connect', resolve))));
      const ask = (topic) => socket.emitWithAck('subscribe', topic);
      // Another socket's id is the name of a room, too.
      return [await ask('orders'), await ask('gossip'), await ask(other.id)];
    });
    assert.deepEqual(answers, [true, false, false]);
    await context.close();
  });
});

describe('private messaging', () => {
  let server;
  before(async () => { server = await privateMessaging(); });
  after(async () => { await server?.kill(); });

  async function signIn(name, options) {
    const opened = await open(server.origin, options);
    await opened.page.getByLabel('Your name').fill(name);
    await opened.page.getByRole('button', { name: 'Sign in' }).click();
    return opened;
  }

  const person = (page, name) => page.locator('#people button', { hasText: name });
  const said = (page, text) => page.locator('#messages li', { hasText: text });
  async function write(page, to, text) {
    await person(page, to).click();
    await page.getByLabel('Message').fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
    await said(page, text).waitFor();
  }

  test('goes to every tab of one person, back to those of the other, and to nobody else', async () => {
    const ann = await signIn('Ann');
    await connected(ann.page);
    const bob = await signIn('Bob');
    const eve = await signIn('Eve', PHONE);
    for (const { page } of [bob, eve]) await connected(page);
    const bobToo = await tab(bob.context, server.origin);
    const annToo = await tab(ann.context, server.origin);
    // No question: this browser is known.
    for (const { page } of [bobToo, annToo]) await connected(page);
    await person(annToo.page, 'Bob').click();

    await write(ann.page, 'Bob', 'for you alone');
    for (const { page } of [bob, bobToo]) {
      await person(page, 'Ann').locator('.unread', { hasText: '1' }).waitFor();
      await person(page, 'Ann').click();
      await said(page, 'for you alone').waitFor();
    }
    await annToo.page.locator('#messages li.mine', { hasText: 'for you alone' }).waitFor();
    await write(bob.page, 'Ann', 'likewise');
    for (const { page } of [ann, annToo, bobToo]) await said(page, 'likewise').waitFor();
    assert.deepEqual(await ann.page.locator('#messages li').allTextContents(), ['for you alone', 'likewise']);

    // Whatever Eve would have heard by mistake, she would have heard before this.
    await write(ann.page, 'Eve', 'hello Eve');
    await person(eve.page, 'Ann').locator('.unread', { hasText: '1' }).waitFor();
    await person(eve.page, 'Ann').tap();
    assert.deepEqual(await eve.page.locator('#messages li').allTextContents(), ['hello Eve']);
    assert.ok(await fits(eve.page), 'the page scrolls sideways');
    for (const { context, errors } of [ann, bob, eve]) {
      await context.close();
      assert.deepEqual(errors, []);
    }
  });

  test('shows who is here, and keeps what was written to who is not', async () => {
    const kim = await signIn('Kim');
    const lee = await signIn('Lee');
    await connected(lee.page);
    const leeToo = await tab(lee.context, server.origin);
    await connected(leeToo.page);
    await kim.page.locator('#people button.online', { hasText: 'Lee' }).waitFor();
    await lee.page.close();
    // One tab is left, and so is Lee.
    await write(kim.page, 'Lee', 'still there?');
    await person(leeToo.page, 'Kim').locator('.unread').waitFor();
    assert.equal(await kim.page.locator('#people button.online', { hasText: 'Lee' }).count(), 1);
    await leeToo.page.close();
    await kim.page.locator('#people button:not(.online)', { hasText: 'Lee' }).waitFor();
    await write(kim.page, 'Lee', 'read this later');
    const back = await tab(lee.context, server.origin);
    await kim.page.locator('#people button.online', { hasText: 'Lee' }).waitFor();
    await person(back.page, 'Kim').click();
    await said(back.page, 'read this later').waitFor();
    assert.deepEqual(await back.page.locator('#messages li').allTextContents(), ['still there?', 'read this later']);
    await kim.context.close();
    await lee.context.close();
  });

  test('takes no name twice, and no secret that it did not give', async () => {
    const max = await signIn('Max');
    await connected(max.page);
    const other = await signIn('Max');
    await other.page.getByText('somebody else has that name').waitFor();
    const answers = await other.page.evaluate(async () => {
      const refused = (auth) => new Promise((resolve) => {
        const socket = io({ forceNew: true, auth });
        socket.on('connect', () => resolve('let in'));
        socket.on('connect_error', ({ message }) => resolve(message));
      });
      return [await refused({}), await refused({ secret: 'guessed' }), await refused({ name: 7 })];
    });
    const nameless = 'choose a name of 1 to 24 characters';
    assert.deepEqual(answers.slice(0, 2), [nameless, nameless]);
    assert.notEqual(answers[2], 'let in');
    await max.context.close();
    await other.context.close();
  });

  test('sends to people, not to any room', async () => {
    const { context, page } = await signIn('Pat');
    await connected(page);
    const answer = await page.evaluate(async () => {
      const socket = io({ forceNew: true, auth: { secret: localStorage.getItem('secret') } });
      await new Promise((resolve) => socket.on('connect', resolve));
      return socket.emitWithAck('message', { to: socket.id, text: 'to a socket' });
    });
    assert.deepEqual(answer, { refused: 'there is no such person' });
    await context.close();
  });
});

describe('the upload', () => {
  let server, slow;
  before(async () => {
    server = await upload();
    slow = await upload(40);
  });
  after(async () => {
    await server?.kill();
    await slow?.kill();
  });

  const bytes = (length) => Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) % 256));
  const file = (buffer) => ({ name: 'some.bin', mimeType: 'application/octet-stream', buffer });
  const digest = (buffer) => createHash('sha256').update(buffer).digest('hex');

  async function send(page, buffer) {
    await page.getByLabel('File').setInputFiles(file(buffer));
    await page.getByRole('button', { name: 'Upload' }).click();
  }

  for (const length of [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000]) {
    test(`${length} bytes arrive as they are`, async () => {
      const { context, page, errors } = await open(server.origin, PHONE);
      await connected(page);
      const buffer = bytes(length);
      await send(page, buffer);
      await page.locator('#result', { hasText: digest(buffer) }).waitFor();
      assert.ok(await fits(page), 'the page scrolls sideways');
      await context.close();
      assert.deepEqual(errors, []);
    });
  }

  test('it goes on with the next chunk when one is written', async () => {
    const { context, page } = await open(slow.origin);
    await connected(page);
    const buffer = bytes(20 * 64 * 1024);
    await send(page, buffer);
    // It is seen on its way, and not only at its end.
    await page.waitForFunction(() => {
      const { value } = document.getElementById('progress');
      return value > 0.1 && value < 0.9;
    });
    await page.locator('#result', { hasText: digest(buffer) }).waitFor();
    assert.equal(await page.locator('#most').textContent(), '4 chunks');
    await context.close();
  });

  test('a page that waits for no answer has its chunks written in order all the same', async () => {
    const { context, page } = await open(slow.origin);
    await connected(page);
    const chunks = 24;
    const { answers, done } = await page.evaluate(async (chunks) => {
      const socket = io({ forceNew: true, transports: ['websocket'] });
      await new Promise((resolve) => socket.on('connect', resolve));
      await socket.emitWithAck('begin', { size: chunks * 65_536 });
      const answers = await Promise.all(Array.from({ length: chunks }, (_, number) =>
        socket.emitWithAck('chunk', new Uint8Array(65_536).fill(number))));
      return { answers: answers.map(({ written }) => written), done: (await socket.emitWithAck('finish')).done };
    }, chunks);
    assert.deepEqual(answers, Array.from({ length: chunks }, (_, number) => (number + 1) * 65_536));
    const whole = Buffer.concat(Array.from({ length: chunks }, (_, number) => Buffer.alloc(65_536, number)));
    assert.equal(done, digest(whole));
    await context.close();
  });

  test('it can be stopped, and begun again', async () => {
    const { context, page } = await open(slow.origin);
    await connected(page);
    await send(page, bytes(100 * 64 * 1024));
    await page.waitForFunction(() => document.getElementById('progress').value > 0);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('Not uploaded: stopped.').waitFor();
    const buffer = bytes(1000);
    await send(page, buffer);
    await page.locator('#result', { hasText: digest(buffer) }).waitFor();
    await context.close();
  });

  test('what is too large is refused before it is sent, and what was not announced at once', async () => {
    const { context, page, errors } = await open(server.origin);
    await connected(page);
    await send(page, Buffer.alloc(16 * 1024 * 1024 + 1));
    await page.getByText('Not uploaded: 16777216 bytes are the most.').waitFor();
    assert.equal(await page.locator('#written').textContent(), '0 KiB');
    const answers = await page.evaluate(async () => {
      const socket = io({ forceNew: true });
      await new Promise((resolve) => socket.on('connect', resolve));
      const ask = (...event) => socket.emitWithAck(...event);
      return [
        await ask('chunk', new Uint8Array(1)),
        await ask('begin', { size: 2 }), await ask('chunk', new Uint8Array(3)), await ask('finish'),
        await ask('begin', { size: 2 }), await ask('chunk', new Uint8Array(1)), await ask('finish'),
      ];
    });
    assert.deepEqual(answers, [
      { refused: 'nothing is being uploaded' },
      { written: 0 }, { refused: 'there is more than was announced' }, { refused: 'nothing is being uploaded' },
      { written: 0 }, { written: 1 }, { refused: 'there is less than was announced' },
    ]);
    await context.close();
    assert.deepEqual(errors, []);
  });
});
