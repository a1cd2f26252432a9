// Events and acknowledgements of Socket.IO, by socket.io-client 4 in Node, over every way and on every stack.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { gate } from './lib/gate.mjs';
import { serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';
import { TEXTS, wholeBasicPlane } from './lib/texts.mjs';

const bytes = (...list) => Buffer.from(list);

/** What JSON can say. */
const VALUES = [
  null, true, false, 0, -1, 1.5, 1e21, 2 ** 53 - 1, -(2 ** 53 - 1), 5e-324, '', 'text', [], {}, [[]], [null], { '': '' },
  { a: { b: { c: [1, { d: 'e' }] } } }, '["2[]"]', '40', { __proto__: null, constructor: 1, toString: 2 },
  { _placeholder: true, num: 0 }, { 'sid': 'x', 'pid': 'y' },
];

/** Bytes here and there, and what looks like the mark that bytes leave. */
const BINARY = [
  [bytes(1, 2, 3)],
  [bytes()],
  [bytes(0), 'between', bytes(255, 254)],
  [{ deep: [{ deeper: { bytes: bytes(7) } }], none: null }, 'text', [bytes(8), bytes(9)]],
  [Buffer.alloc(70_001, 'é\0')],
  Array.from({ length: 10 }, (_, i) => bytes(i)),
];

const plain = (value) => JSON.parse(JSON.stringify(value));
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const numbers = (count) => Array.from({ length: count }, (_, i) => i);

for (const stack of STACKS) {
  describe(`events by socket.io-client 4, ${stack}`, () => {
    let server;
    before(async () => { server = await serve(stack); });
    after(() => server?.kill());
    const test = sockets(() => server);

    for (const way of Object.keys(WAYS)) {
      describe(way, () => {
        for (const nsp of ['/', '/custom']) {
          test(`${nsp} tells the auth payload and answers`, async ({ join }) => {
            const silent = await join(nsp, { way });
            assert.deepEqual(await silent.next('auth'), [{}]);
            const peer = await join(nsp, { way, auth: { token: '123', deep: [1, null] } });
            assert.deepEqual(await peer.next('auth'), [{ token: '123', deep: [1, null] }]);
            peer.emit('message', 1, '2', { 3: [true] }, bytes(4, 5));
            assert.deepEqual(await peer.next('message-back'), [1, '2', { 3: [true] }, bytes(4, 5)]);
            peer.emit('message');
            assert.deepEqual(await peer.next('message-back'), []);
            assert.deepEqual(await peer.ask('message-with-ack', 1, '2', { 3: [false] }, bytes(6)), [1, '2', { 3: [false] }, bytes(6)]);
            peer.emit('broadcast', 'to all', bytes(7));
            for (const each of [peer, silent]) assert.deepEqual(await each.next('broadcast'), ['to all', bytes(7)]);
          });
        }

        test('any JSON value comes back as it was, alone and among others', async ({ join }) => {
          const peer = await join('/features', { way });
          for (const value of VALUES) peer.emit('echo', value);
          for (const value of VALUES) assert.deepEqual(await peer.next('echo-back'), [plain(value)]);
          peer.emit('echo', ...VALUES);
          assert.deepEqual(await peer.next('echo-back'), VALUES.map(plain));
          assert.deepEqual(await peer.ask('ack', ...VALUES), VALUES.map(plain));
          peer.emit('echo');
          assert.deepEqual(await peer.next('echo-back'), []);
        });

        test('any text comes back as it was', async ({ join }) => {
          const peer = await join('/features', { way });
          const texts = [...Object.values(TEXTS), ...wholeBasicPlane()];
          peer.emit('echo', ...texts);
          assert.deepEqual(await peer.next('echo-back'), texts);
          for (const text of texts) assert.equal(await peer.get('ack', text), text);
        });

        test('any text may be an event\'s name', async ({ join }) => {
          const peer = await join('/features', { way });
          const names = ['', 'error', 'connection', 'message', '__proto__', 'hasOwnProperty', 'Connect', 'é€😀', 'a b,c"d\\', '42', '/features,'];
          for (const name of names) {
            peer.emit('bc', { from: 'nsp', to: [peer.id] }, name, 1);
            assert.deepEqual(await peer.next(name), [1], name);
          }
          for (const name of ['any:é€😀', 'any:"\\', 'any:/x,1']) {
            peer.emit(name, 1);
            assert.deepEqual(await peer.next('any-seen'), [name, [1]]);
          }
        });

        test('bytes come back as they were, anywhere in the arguments', async ({ join }) => {
          const peer = await join('/features', { way });
          for (const args of BINARY) peer.emit('echo', ...args).emit('echo', 'a text after them');
          for (const args of BINARY) {
            assert.deepEqual(await peer.next('echo-back'), args);
            assert.deepEqual(await peer.next('echo-back'), ['a text after them']);
          }
          for (const args of BINARY) assert.deepEqual(await peer.ask('ack', ...args), args);
        });

        test('typed arrays and array buffers are bytes too', async ({ join }) => {
          const peer = await join('/features', { way });
          const given = new Uint8Array([1, 2, 3]);
          assert.deepEqual(await peer.ask('ack', given, given.buffer), [bytes(1, 2, 3), bytes(1, 2, 3)]);
        });

        test('the server sends bytes of its own', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('bin-out');
          assert.deepEqual(await peer.next('bin'), [bytes(0, 1, 2, 255), { a: [bytes(0xaa), 't'], b: { c: bytes(0xbb, 0xcc) }, n: null }]);
        });

        test('the server knows bytes from what is none', async ({ join }) => {
          const peer = await join('/features', { way });
          for (const length of [0, 1, 4097]) assert.equal(await peer.get('bin-len', Buffer.alloc(length)), length);
          for (const other of ['text', [1, 2], { type: 'Buffer', data: [1] }, null, { _placeholder: true, num: 0 }]) {
            assert.equal(await peer.get('bin-len', other), -1);
          }
        });

        test('acknowledgements: none, one for two, late ones and never one', async ({ join }) => {
          const peer = await join('/features', { way });
          assert.deepEqual(await peer.ask('ack-none'), []);
          const doubled = [];
          peer.emit('ack-double', (...args) => doubled.push(args));
          await peer.settled();
          assert.deepEqual(doubled, [['first']]);
          const order = [];
          const late = peer.ask('ack-later', 300, { late: 1 }).then((args) => { order.push('late'); return args; });
          const soon = peer.ask('ack', 'soon').then((args) => { order.push('soon'); return args; });
          assert.deepEqual([await late, await soon], [[{ late: 1 }], ['soon']]);
          assert.deepEqual(order, ['soon', 'late']);
          await assert.rejects(peer.socket.timeout(100).emitWithAck('never'), { message: 'operation has timed out' });
          await peer.settled();
        });

        test('an acknowledgement after the client gave up hurts nobody', async ({ join }) => {
          const peer = await join('/features', { way });
          await assert.rejects(peer.socket.timeout(1).emitWithAck('ack-later', 200, 1));
          assert.equal(await peer.get('ack-later', 300, 2), 2);
          await peer.settled();
        });

        test('the server asks, and hears the answer or that there was none', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('ask', 'question', [1, 'two', { three: 3 }, null], 20_000);
          const [one, two, three, four, ack] = await peer.next('question');
          assert.deepEqual([one, two, three, four], [1, 'two', { three: 3 }, null]);
          ack('answer', [bytes(1)], null);
          assert.deepEqual(await peer.next('ask-result'), [{ ok: true, args: ['answer', [bytes(1)], null] }]);

          peer.emit('ask', 'question', [bytes(2)], 20_000);
          const [asked, answer] = await peer.next('question');
          assert.deepEqual(asked, bytes(2));
          answer();
          assert.deepEqual(await peer.next('ask-result'), [{ ok: true, args: [] }]);

          peer.emit('ask', 'question', [], 100);
          const [late] = await peer.next('question');
          assert.deepEqual(await peer.next('ask-result'), [{ ok: false, error: 'operation has timed out' }]);
          late('too late');
          await peer.settled();
          assert.equal(peer.count('ask-result'), 0);

          peer.emit('ask', 'question', [], 0);
          const [patient] = await peer.next('question');
          assert.equal(await peer.get('ack-later', 200, 'meanwhile'), 'meanwhile');
          assert.equal(peer.count('ask-result'), 0);
          patient('at last');
          assert.deepEqual(await peer.next('ask-result'), [{ ok: true, args: ['at last'] }]);
        });

        test('many questions at once get their own answers, in whatever order', async ({ join }) => {
          const peer = await join('/features', { way });
          for (const i of numbers(50)) peer.emit('ask', 'question', [i], 20_000);
          const questions = [];
          for (const _ of numbers(50)) questions.push(await peer.next('question'));
          assert.deepEqual(questions.map(([i]) => i), numbers(50));
          for (const [i, ack] of questions.reverse()) ack(i * 2);
          const results = [];
          for (const _ of numbers(50)) results.push((await peer.next('ask-result'))[0].args[0]);
          assert.deepEqual(results, numbers(50).map((i) => (49 - i) * 2));
        });

        test('thousands of events stay in order, and their acknowledgement is the last', async ({ join }) => {
          const peer = await join('/features', { way });
          assert.equal(await peer.get('send-many', 5000), 5000);
          assert.equal(peer.count('n'), 5000);
          assert.deepEqual(await peer.several('n', 5000), numbers(5000));
          peer.emit('send-many', 3);
          assert.deepEqual(await peer.several('n', 3), numbers(3));
        });

        test('thousands of events both ways stay in order', async ({ join }) => {
          const peer = await join('/features', { way });
          const acks = [];
          for (const i of numbers(3000)) {
            peer.emit('echo', i % 5 ? i : bytes(i & 255, i >> 8));
            if (i % 3 === 0) peer.emit('ack', i, (back) => acks.push(back));
          }
          const back = await peer.several('echo-back', 3000);
          assert.deepEqual(back.map((each) => (Buffer.isBuffer(each) ? each.readUInt16LE() : each)), numbers(3000));
          await peer.settled();
          assert.deepEqual(acks, numbers(1000).map((i) => i * 3));
        });

        test('events come as they happen', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('ticks', 5, 20);
          assert.deepEqual(await peer.several('tick', 5), numbers(5));
        });

        test('nearly a megabyte fits', async ({ join }) => {
          const peer = await join('/features', { way });
          for (const large of ['é1'.repeat(333_000 - 100), Buffer.alloc(740_000, 'some bytes')]) {
            const [back] = await peer.ask('ack', large);
            assert.ok(Buffer.isBuffer(large) ? large.equals(back) : large === back, 'it came back changed');
          }
          for (const compress of [true, false]) {
            peer.emit('big', 900_000, compress);
            assert.ok((await peer.next('blob'))[0] === 'x'.repeat(900_000));
          }
        });

        test('too much ends the connection', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('echo', 'x'.repeat(1_000_001));
          assert.match(await peer.closed(), /^transport (close|error)$/);
        });

        test('volatile events may be lost but never come twice or late', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('volatile-burst', 2000);
          assert.deepEqual(await peer.next('v-done'), [2000]);
          const heard = await peer.several('v', peer.count('v'));
          assert.ok(heard.every((each, i) => i === 0 || each > heard[i - 1]), `out of order: ${heard}`);
          // Nothing is fetched between two of them, so that there is nobody to have the second.
          if (way === 'polling') assert.ok(heard.length < 2000, 'all were kept for a client that was not there');
          await peer.settled();
          assert.equal(peer.count('v'), 0);
        });

        test('catch-alls see what no other listener does', async ({ join }) => {
          const peer = await join('/features', { way });
          peer.emit('any:one', 1, bytes(2), null);
          assert.deepEqual(await peer.next('any-seen'), ['any:one', [1, bytes(2), null]]);
          peer.emit('any:none');
          assert.deepEqual(await peer.next('any-seen'), ['any:none', []]);
          peer.emit('any:ack', 3, () => assert.fail('nobody acknowledges it'));
          assert.deepEqual(await peer.next('any-seen'), ['any:ack', [3]]);
          peer.emit('nobody listens', 1);
          await peer.settled();
          assert.equal(peer.count('any-seen'), 0);
        });

        test('catch-alls see what goes out, but for acknowledgements', async ({ join }) => {
          const peer = await join('/features', { way });
          assert.deepEqual(await peer.get('outgoing'), []);
          peer.emit('echo', 1);
          await peer.settled();
          peer.emit('bc', { from: 'nsp', to: [peer.id] }, 'told to all', 2);
          peer.emit('bc', { from: 'socket' }, 'not to me', 2);
          peer.emit('bc', { from: 'nsp', to: ['nobody is there'] }, 'not to me', 2);
          peer.emit('ask', 'question', [], 20_000);
          assert.deepEqual(await peer.get('outgoing'), ['echo-back', 'told to all', 'question']);
          await peer.get('send-many', 25);
          assert.deepEqual(await peer.get('outgoing'), Array(20).fill('n'));
        });

        test('a middleware refuses an event, and another changes one', async ({ join }) => {
          const peer = await join('/features', { way });
          let acked = 0;
          peer.emit('blocked');
          peer.emit('blocked', 'with an acknowledgement', () => { acked += 1; });
          peer.emit('mutate', 'value');
          assert.deepEqual(await peer.several('mw-error', 2), ['blocked by middleware', 'blocked by middleware']);
          assert.deepEqual(await peer.next('mutate-back'), ['mutated:value']);
          await peer.settled();
          assert.equal(acked, 0);
          assert.deepEqual([peer.count('blocked-back'), peer.count('mw-error')], [0, 0]);
        });

        test('what is known of the connection', async ({ join }) => {
          const before = Date.now();
          const peer = await join('/features', { way, auth: { who: 'me' }, query: { first: 'a b&c=é', second: '' }, extraHeaders: { 'X-Mine': 'yes' } });
          const told = await peer.get('handshake');
          assert.equal(told.id, peer.id);
          assert.notEqual(told.id, peer.manager.engine.id, 'the secret id of the session is shown');
          assert.equal(told.nsp, '/features');
          assert.deepEqual(told.auth, { who: 'me' });
          const { first, second, EIO, transport } = told.query;
          assert.deepEqual({ first, second, EIO, transport }, { first: 'a b&c=é', second: '', EIO: '4', transport: WAYS[way][0] });
          assert.equal(told.query.sid, undefined, 'the query is that of the first request');
          assert.equal(told.headers['x-mine'], 'yes');
          assert.match(told.headers.host, /^127\.0\.0\.1:\d+$/);
          assert.match(told.url, /^\/socket\.io\/\?.*EIO=4&transport=(polling|websocket)/);
          assert.match(told.address, /127\.0\.0\.1$/);
          assert.deepEqual([told.secure, told.xdomain, told.protocol, told.recovered, told.connected], [false, false, 4, false, true]);
          assert.ok(told.issued >= before - 1000 && told.issued <= Date.now() + 1000, `issued ${told.issued}`);
          assert.equal(typeof told.time, 'string');
        });

        test('an Origin is told', async ({ join }) => {
          const peer = await join('/features', { way, extraHeaders: { origin: 'http://page.test' } });
          const { xdomain, headers } = await peer.get('handshake');
          assert.deepEqual([xdomain, headers.origin], [true, 'http://page.test']);
        });

        test('the transports are told', async ({ join }) => {
          const peer = await join('/features', { way });
          await peer.settled();
          assert.equal(await peer.get('transport'), WAYS[way].at(-1));
          const seen = await peer.get('transports-seen');
          // The socket may have come when the upgrade was over already.
          assert.deepEqual(way === 'upgrade' && seen.length === 1 ? WAYS.upgrade : seen, WAYS[way]);
          if (way === 'upgrade') assert.equal(seen.at(-1), 'websocket');
        });

        test('data stays with the socket', async ({ join }) => {
          const [peer, other] = [await join('/features', { way }), await join('/features', { way })];
          assert.deepEqual(await peer.get('get-data'), {});
          assert.deepEqual(await peer.get('set-data', { a: { b: 1 }, c: 2 }), { a: { b: 1 }, c: 2 });
          assert.deepEqual(await peer.get('set-data', { a: { d: 3 } }), { a: { d: 3 }, c: 2 });
          assert.deepEqual(await peer.get('get-data'), { a: { d: 3 }, c: 2 });
          assert.deepEqual(await other.get('get-data'), {});
        });

        test('the node has a name', async ({ join }) => {
          const [peer, other] = [await join('/features', { way }), await join('/features', { way })];
          const node = await peer.get('node');
          assert.ok(typeof node === 'string' && node.length > 0);
          assert.equal(await other.get('node'), node);
        });

        test('events wait in the client until it is connected', async ({ connect }) => {
          const peer = connect('/features', { way });
          for (const i of numbers(100)) peer.emit('echo', i);
          assert.deepEqual(await peer.several('echo-back', 100), numbers(100));
        });

        test('a client that repeats until it is acknowledged sends each event once', async ({ join }) => {
          const peer = await join('/features', { way, retries: 3, ackTimeout: 20_000 });
          const answers = await Promise.all(numbers(20).map((i) => peer.socket.emitWithAck('ack', i)));
          assert.deepEqual(answers, numbers(20));
        });
      });
    }

    test('loses, doubles and reorders nothing while connections upgrade under load', async ({ connect, after }) => {
      const talk = async () => {
        const way = await gate(server.port);
        after(() => way.close());
        const peer = connect('/features', { server: way, way: 'upgrade' });
        await peer.connected();
        const acks = [];
        let sent = 0;
        for (let beyond = 0; beyond < 500; beyond += peer.transport === 'websocket' ? 1 : 0) {
          const i = sent++;
          peer.emit('echo', i % 7 === 3 ? { i, bytes: bytes(i & 255) } : { i });
          if (i % 4 === 0) peer.emit('ack', i, (back) => acks.push(back));
          // The server's own burst makes its queue long just before the upgrade.
          if (way.isWanted && peer.count('echo-back') > 100) {
            peer.emit('send-many', 1000);
            way.open();
          }
          await nextTurn();
        }
        const back = await peer.several('echo-back', sent);
        assert.deepEqual(back.map(({ i }) => i), numbers(sent));
        for (const { i, bytes: own } of back) assert.deepEqual(own, i % 7 === 3 ? bytes(i & 255) : undefined);
        assert.deepEqual(await peer.several('n', 1000), numbers(1000));
        await peer.settled();
        assert.deepEqual(acks, numbers(Math.ceil(sent / 4)).map((i) => i * 4));
        assert.deepEqual([peer.count('echo-back'), peer.count('n')], [0, 0]);
        assert.deepEqual(await peer.get('transports-seen'), ['polling', 'websocket']);
      };
      await Promise.all(Array.from({ length: 8 }, talk));
    });
  });
}
