// sockjs-client in Node: every transport it has there, on every stack.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import vm from 'node:vm';

import { conformance, STACKS } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';
import { TEXTS, wholeBasicPlane } from './lib/texts.mjs';

const require = createRequire(import.meta.url);
const SockJS = require('sockjs-client');

// The others need a document, so the client itself leaves them out here; browser.test.mjs has them.
const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

// The client gives a transport a few hundred milliseconds by default. A busy machine may need longer.
const PATIENCE = 60_000;

/** A client whose events can be awaited one by one. */
class Client {
  #socket;
  #events = [];
  #waiting = [];

  constructor(url, transports) {
    this.#socket = new SockJS(url, null, { transports, timeout: PATIENCE });
    this.#socket.onopen = () => this.#got({ type: 'open', transport: this.#socket.transport });
    this.#socket.onmessage = ({ data }) => this.#got({ type: 'message', data });
    this.#socket.onheartbeat = () => this.#got({ type: 'heartbeat' });
    this.#socket.onclose = ({ code, reason, wasClean }) => this.#got({ type: 'close', code, reason, wasClean });
  }

  #got(event) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(event);
    else this.#events.push(event);
  }

  next() {
    return this.#events.length ? Promise.resolve(this.#events.shift()) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next event but heartbeats, which must be of this type. */
  async want(type) {
    let event;
    do event = await this.next(); while (event.type === 'heartbeat' && type !== 'heartbeat');
    assert.equal(event.type, type, JSON.stringify(event));
    return event;
  }

  async messages(count) {
    const messages = [];
    while (messages.length < count) messages.push((await this.want('message')).data);
    return messages;
  }

  send(text) { this.#socket.send(text); }
  close(code, reason) { this.#socket.close(code, reason); }
  get socket() { return this.#socket; }
}

async function open(url, transport) {
  const client = new Client(url, transport && [transport]);
  const { transport: used } = await client.want('open');
  if (transport) assert.equal(used, transport);
  return client;
}

for (const stack of STACKS) {
  describe(`sockjs-client in Node, ${stack}`, () => {
    let server;
    before(async () => { server = await conformance('--stack', stack); });
    after(() => server?.kill());

    for (const transport of TRANSPORTS) {
      describe(transport, () => {
        test('echoes every kind of text', async () => {
          const client = await open(`${server.origin}/echo`, transport);
          for (const text of Object.values(TEXTS)) client.send(text);
          const echoed = await client.messages(Object.keys(TEXTS).length);
          assert.deepEqual(echoed, Object.values(TEXTS));
          client.close();
        });

        test('echoes every character of the basic plane', async () => {
          const texts = wholeBasicPlane();
          const client = await open(`${server.origin}/echo`, transport);
          for (const text of texts) client.send(text);
          assert.deepEqual(await client.messages(texts.length), texts);
          client.close();
        });

        test('delivers a lone surrogate as the replacement character', async () => {
          const client = await open(`${server.origin}/echo`, transport);
          client.send('x\ud800y\udfffz');
          assert.deepEqual(await client.messages(1), ['x\ufffdy\ufffdz']);
          client.close();
        });

        test('keeps a thousand messages in order', async () => {
          const client = await open(`${server.origin}/echo`, transport);
          const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
          for (const number of numbers) client.send(number);
          assert.deepEqual(await client.messages(1000), numbers);
          client.close();
        });

        test('carries a mebibyte in one message', async () => {
          const client = await open(`${server.origin}/echo`, transport);
          const text = 'é1'.repeat(350_000);
          client.send(text);
          const [echoed] = await client.messages(1);
          assert.equal(echoed.length, text.length);
          assert.ok(echoed === text, 'the text came back changed');
          client.close();
        });

        test('gets an answer far larger than the question', async () => {
          const client = await open(`${server.origin}/amplify`, transport);
          client.send('18');
          assert.equal((await client.messages(1))[0], 'x'.repeat(2 ** 18));
          client.close();
        });

        test('learns code and reason when the server closes', async () => {
          const client = await open(`${server.origin}/close`, transport);
          assert.deepEqual(await client.want('close'), { type: 'close', code: 3000, reason: 'Go away!', wasClean: true });
        });

        test('closes by itself with its own code', async () => {
          const client = await open(`${server.origin}/echo`, transport);
          client.close(3333, 'enough');
          const { code, reason } = await client.want('close');
          assert.deepEqual({ code, reason }, { code: 3333, reason: 'enough' });
        });

        test('works with a session cookie', async () => {
          const client = await open(`${server.origin}/cookie_needed_echo`, transport);
          client.send('with a cookie');
          assert.deepEqual(await client.messages(1), ['with a cookie']);
          client.close();
        });

        test('reaches everybody by a broadcast', async () => {
          const others = await Promise.all(TRANSPORTS.map((other) => open(`${server.origin}/broadcast`, other)));
          const client = await open(`${server.origin}/broadcast`, transport);
          client.send(`from ${transport}`);
          for (const each of [...others, client]) assert.deepEqual(await each.messages(1), [`from ${transport}`]);
          for (const each of [...others, client]) each.close();
        });

        test('carries websocket-multiplex channels', async () => {
          const socket = new SockJS(`${server.origin}/multiplex`, null, { transports: [transport], timeout: PATIENCE });
          const source = readFileSync(require.resolve('websocket-multiplex/multiplex_client.js'), 'utf8');
          const WebSocketMultiplex = vm.runInNewContext(`${source}; WebSocketMultiplex`, { setTimeout, escape });
          const multiplexer = new WebSocketMultiplex(socket);
          const answers = await Promise.all(['ann', 'bob', 'carl'].map((name) => new Promise((resolve) => {
            const channel = multiplexer.channel(name);
            channel.onopen = () => channel.send(`hi, ${name}`);
            channel.onmessage = ({ data }) => resolve(data);
          })));
          assert.deepEqual(answers, ['ann: hi, ann', 'bob: hi, bob', 'carl: hi, carl']);
          socket.close();
        });
      });
    }

    test('takes websocket when it may choose', async () => {
      const client = await open(`${server.origin}/echo`);
      assert.equal(client.socket.transport, 'websocket');
      client.close();
    });

    test('falls back to xhr-streaming where websocket is off', async () => {
      const client = await open(`${server.origin}/disabled_websocket_echo`);
      assert.equal(client.socket.transport, 'xhr-streaming');
      client.send('over streaming');
      assert.deepEqual(await client.messages(1), ['over streaming']);
      client.close();
    });

    test('finds no transport where only websocket is wanted and it is off', async () => {
      const client = new Client(`${server.origin}/disabled_websocket_echo`, ['websocket']);
      assert.deepEqual(await client.want('close'), { type: 'close', code: 2000, reason: 'All transports failed', wasClean: false });
    });

    test('is told that there is nothing below another path', async () => {
      const client = new Client(`${server.origin}/nothing_here`);
      const { code, reason } = await client.want('close');
      assert.deepEqual({ code, reason }, { code: 1002, reason: 'Cannot connect to server' });
    });
  });

  describe(`the server's end as sockjs-client sees it, ${stack}`, () => {
    for (const transport of TRANSPORTS) {
      test(`${transport}: a drain says 1001, and the server ends by itself`, async () => {
        const server = await conformance('--stack', stack);
        const client = await open(`${server.origin}/echo`, transport);
        // Its own answer shows that the session's loop is running when the drain begins.
        client.send('here');
        await client.messages(1);
        const stopped = server.stop();
        const { code, reason } = await client.want('close');
        assert.deepEqual({ code, reason }, { code: 1001, reason: 'Going away' });
        assert.deepEqual(await stopped, { code: 0, signal: null });
      });

      test(`${transport}: a dead server is noticed`, async () => {
        const server = await conformance('--stack', stack);
        const client = await open(`${server.origin}/echo`, transport);
        client.send('here');
        await client.messages(1);
        await server.kill();
        // Only a websocket tells the client by itself. In Node its xhr driver listens for no error of a response that has begun,
        // and its event source tries again without end; as it sends, it notices.
        if (transport !== 'websocket') client.send('anybody?');
        assert.equal((await client.want('close')).code, 1006);
      });
    }

    // On websocket the server beats with pings, which the client's API does not show.
    for (const transport of ['xhr-streaming', 'eventsource', 'xhr-polling']) {
      test(`${transport}: heartbeats come while nothing is said`, async () => {
        const server = await conformance('--stack', stack, '--heartbeat-ms', '200');
        const client = await open(`${server.origin}/echo`, transport);
        await client.want('heartbeat');
        await client.want('heartbeat');
        client.send('still here');
        assert.deepEqual(await client.messages(1), ['still here']);
        client.close();
        await server.kill();
      });
    }
  });
}
