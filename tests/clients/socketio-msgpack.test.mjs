// The msgpack parser: socket.io-client 4 with socket.io-msgpack-parser, and its packets as they are on the wire.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe } from 'node:test';

import { eventually } from './lib/bounded.mjs';
import { peerOf, serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';
import { KINDS, wires } from './lib/wire.mjs';
import { TEXTS } from './lib/texts.mjs';

const { encode, decode } = createRequire(import.meta.url)('notepack.io');

const MOUNT = { mount: '/msgpack.io/' };
const bytes = (...list) => Buffer.from(list);
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const numbers = (count) => Array.from({ length: count }, (_, i) => i);

const VALUES = [
  null, true, false, 0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -32, -33, -128, -129, -32_768,
  -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53 - 1), 0.5, -1.25, 0.1, 5e-324, '', 'é😀', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(255),
  'x'.repeat(256), 'x'.repeat(65_535), 'x'.repeat(65_536), [], numbers(15), numbers(16), numbers(70_000), {}, { a: { b: [1] } },
  Object.fromEntries(numbers(16).map((i) => [`key ${i}`, i])), { _placeholder: true, num: 0 },
  bytes(), bytes(1), Buffer.alloc(255, 1), Buffer.alloc(256, 2), Buffer.alloc(65_536, 3), { deep: [bytes(4)] },
];

/** [Q] Node says of what is undefined that it is so. */
function defined(value) {
  if (Array.isArray(value)) return value.map(defined);
  if (value?.constructor !== Object) return value;
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined).map(([key, each]) => [key, defined(each)]));
}

/** Packets that end the session of a client of `/features`. */
const VIOLATIONS = {
  'a type that is none': encode({ type: 5, nsp: '/features', data: ['echo'] }),
  'another type that is none': encode({ type: 7, nsp: '/features', data: ['echo'] }),
  'a negative type': encode({ type: -1, nsp: '/features', data: ['echo'] }),
  'a type that is a fraction': encode({ type: 2.5, nsp: '/features', data: ['echo'] }),
  'a type that is a text': encode({ type: '2', nsp: '/features', data: ['echo'] }),
  'no type': encode({ nsp: '/features', data: ['echo'] }),
  'no namespace': encode({ type: 2, data: ['echo'] }),
  'a namespace that is a number': encode({ type: 2, nsp: 1, data: ['echo'] }),
  'an event that is a map': encode({ type: 2, nsp: '/features', data: { 0: 'echo' } }),
  'an event that is a text': encode({ type: 2, nsp: '/features', data: 'echo' }),
  'an event that is null': encode({ type: 2, nsp: '/features', data: null }),
  'no event': encode({ type: 2, nsp: '/features' }),
  'an acknowledgement that is a map': encode({ type: 3, nsp: '/features', id: 1, data: {} }),
  'an id that is a text': encode({ type: 2, nsp: '/features', id: '1', data: ['echo'] }),
  'an id that is a fraction': encode({ type: 2, nsp: '/features', id: 1.5, data: ['echo'] }),
  'a connection with a text': encode({ type: 0, nsp: '/custom', data: 'x' }),
  'a disconnection with data': encode({ type: 1, nsp: '/features', data: {} }),
  'a refusal from a client': encode({ type: 4, nsp: '/features', data: { message: 'no' } }),
  'a namespace not joined': encode({ type: 2, nsp: '/custom', data: ['message'] }),
  'a second connection': encode({ type: 0, nsp: '/features' }),
  'no map': encode([2, '/features', ['echo']]),
  'a number': bytes(7),
  'nothing': bytes(),
  'half a packet': encode({ type: 2, nsp: '/features', data: ['echo'] }).subarray(0, 12),
  'a length that is not there': hex('df ff ff ff ff'),
  'a type that msgpack has not': hex('c1'),
  'a text packet': '42/features,["echo"]',
};

for (const stack of STACKS) {
  describe(`msgpack, ${stack}`, () => {
    let server, admin;
    before(async () => {
      server = await serve(stack);
      admin = await peerOf(server, '/admin', MOUNT).connected();
    });
    after(async () => {
      admin?.leave();
      await server?.kill();
    });
    const test = sockets(() => server);
    const wire = wires(() => server);

    for (const way of Object.keys(WAYS)) {
      describe(`socket.io-client 4 by ${way}`, () => {
        const options = { ...MOUNT, way };

        test('any value comes back as it was', async ({ join }) => {
          const peer = await join('/features', options);
          for (const value of VALUES) peer.emit('echo', value);
          for (const value of VALUES) assert.deepEqual(await peer.next('echo-back'), [value]);
          assert.deepEqual(await peer.ask('ack', ...VALUES), VALUES);
          const texts = Object.values(TEXTS);
          assert.deepEqual(await peer.ask('ack', ...texts), texts);
        });

        test('buffers and array buffers are bytes', async ({ join }) => {
          const peer = await join('/features', options);
          assert.equal(await peer.get('bin-len', bytes(1, 2, 3)), 3);
          peer.emit('bin-out');
          assert.deepEqual(await peer.next('bin'), [bytes(0, 1, 2, 255), { a: [bytes(0xaa), 't'], b: { c: bytes(0xbb, 0xcc) }, n: null }]);
          for (const length of [1, 16, 300, 70_000]) {
            const [back] = await peer.ask('ack', new Uint8Array(length).fill(9).buffer);
            assert.ok(Buffer.alloc(length, 9).equals(Buffer.from(back)), `${length} bytes`);
          }
        });

        test('auth, refusals, rooms, questions and the end', async ({ join, connect }) => {
          const root = await join('/', options);
          assert.deepEqual(await root.next('auth'), [{}]);
          const told = await join('/', { ...options, auth: { token: 1 } });
          assert.deepEqual(await told.next('auth'), [{ token: 1 }]);
          const error = await connect('/auth-required', options).refused();
          assert.deepEqual([error.message, error.data], ['unauthorized', { code: 401, hint: 'token' }]);
          assert.equal((await connect('/refused', options).refused()).message, 'nope');
          assert.equal((await connect('/none', options).refused()).message, 'Invalid namespace');
          const [peer, other] = [await join('/features', options), await join('/features', options)];
          peer.emit('bc', { to: [other.id] }, 'news', bytes(1), 'text');
          assert.deepEqual(await other.next('news'), [bytes(1), 'text']);
          peer.socket.on('question', (n, ack) => ack(n + 1, bytes(2)));
          peer.emit('ask', 'question', [1], 20_000);
          assert.deepEqual(await peer.next('ask-result'), [{ ok: true, args: [2, bytes(2)] }]);
          assert.deepEqual(await peer.ask('ack-none'), []);
          assert.equal(await peer.get('transport'), WAYS[way].at(-1));
          const { id } = peer;
          peer.leave();
          await eventually(async () => (await admin.get('log', id)).at(-1) === 'disconnect client namespace disconnect');
          other.emit('disconnect-me', false);
          assert.equal(await other.closed(), 'io server disconnect');
        });

        test('thousands of events both ways stay in order', async ({ connect }) => {
          const peer = connect('/features', options);
          const many = peer.get('send-many', 1000);
          for (const i of numbers(2000)) peer.emit('echo', i, bytes(i & 255));
          assert.deepEqual(await peer.several('echo-back', 2000), numbers(2000));
          assert.equal(await many, 1000);
          assert.deepEqual(await peer.several('n', 1000), numbers(1000));
        });
      });
    }

    for (const kind of Object.keys(KINDS)) {
      describe(`on the wire, by ${kind}`, () => {
        const receive = async (session) => {
          const packet = await session.receive();
          assert.ok(Buffer.isBuffer(packet), `${packet}`);
          return defined(decode(packet));
        };
        const join = async (open, nsp = '/features') => {
          const session = await open(kind, MOUNT);
          await session.send(encode({ type: 0, nsp }));
          const { data, ...answer } = await receive(session);
          assert.deepEqual(answer, { type: 0, nsp });
          session.id = data.sid;
          return session;
        };

        wire('each packet is one map', async ({ open }) => {
          const root = await join(open, '/');
          assert.deepEqual(await receive(root), { type: 2, nsp: '/', data: ['auth', {}] });
          const session = await join(open);
          const CASES = [
            [{ type: 2, nsp: '/features', data: ['echo', 1, 'é', bytes(2)] }, { type: 2, nsp: '/features', data: ['echo-back', 1, 'é', bytes(2)] }],
            [{ data: ['echo', 1], options: { compress: true }, nsp: '/features', type: 2 }, { type: 2, nsp: '/features', data: ['echo-back', 1] }],
            [{ type: 2, nsp: '/features', id: 0, data: ['ack', null] }, { type: 3, nsp: '/features', id: 0, data: [null] }],
            [{ type: 2, nsp: '/features', id: 2 ** 53 - 1, data: ['ack-none'] }, { type: 3, nsp: '/features', id: 2 ** 53 - 1, data: [] }],
            [{ type: 0, nsp: '/none' }, { type: 4, nsp: '/none', data: { message: 'Invalid namespace' } }],
            [{ type: 0, nsp: '/refused', data: {} }, { type: 4, nsp: '/refused', data: { message: 'nope' } }],
            [{ type: 0, nsp: '/auth-required', data: { token: 'x' } }, { type: 4, nsp: '/auth-required', data: { message: 'unauthorized', data: { code: 401, hint: 'token' } } }],
            [{ type: 2, nsp: '/features', data: ['disconnect-me', false] }, { type: 1, nsp: '/features' }],
          ];
          for (const [asked, answer] of CASES) {
            await session.send(encode(asked));
            assert.deepEqual(await receive(session), answer, JSON.stringify(asked));
          }
        });

        wire('what is undefined in a connection is absent', async ({ open }) => {
          const session = await open(kind, MOUNT);
          // {type: 0, data: undefined, options: {compress: true}, nsp: "/"} as the client says it
          await session.send(hex('84 a4 74797065 00 a4 64617461 d4 00 00 a7 6f7074696f6e73 81 a8 636f6d7072657373 c3 a3 6e7370 a1 2f'));
          const { type, nsp } = await receive(session);
          assert.deepEqual([type, nsp], [0, '/']);
          assert.deepEqual((await receive(session)).data, ['auth', {}]);
        });

        wire('numbers may be of any form', async ({ open }) => {
          const session = await join(open);
          // {type: 2 (uint32), nsp, id: 7 (int64), data: ["ack", 0.5 (float32), 1 (uint64), -1 (int32)]}
          const nsp = `a3 6e7370 a9 ${Buffer.from('/features').toString('hex')}`;
          await session.send(hex(`84 a4 74797065 ce 00000002 ${nsp} a2 6964 d3 0000000000000007 a4 64617461 94 a3 61636b ca 3f000000 cf 0000000000000001 d2 ffffffff`));
          assert.deepEqual(await receive(session), { type: 3, nsp: '/features', id: 7, data: [0.5, 1, -1] });
        });

        for (const [name, packet] of Object.entries(VIOLATIONS)) {
          wire(`ends the session after ${name}`, async ({ open }) => {
            const session = await join(open);
            await session.send(packet);
            assert.deepEqual(await session.rest(), []);
            await eventually(async () => (await admin.get('log', session.id)).length === 3);
            const [, , why] = await admin.get('log', session.id);
            if (kind === 'polling') assert.match(why, /^disconnect forced (server )?close$/);
            else assert.equal(why, 'disconnect forced close');
          });
        }
      });
    }
  });
}
