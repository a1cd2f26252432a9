// socket.io-client 4, 3 and 2 beside each other, and what the second protocol looks like on the wire.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { eventually } from './lib/bounded.mjs';
import { serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';
import { wires } from './lib/wire.mjs';
import { TEXTS } from './lib/texts.mjs';

const bytes = (...list) => Buffer.from(list);
const numbers = (count) => Array.from({ length: count }, (_, i) => i);

/** Each version at the mounts that let it in. */
const WHO = [[3, '/socket.io/'], [3, '/legacy.io/'], [4, '/legacy.io/'], [2, '/legacy.io/']];

for (const stack of STACKS) {
  describe(`versions, ${stack}`, () => {
    let server;
    before(async () => { server = await serve(stack); });
    after(() => server?.kill());
    const test = sockets(() => server);
    const wire = wires(() => server);

    for (const [version, mount] of WHO) {
      for (const way of Object.keys(WAYS)) {
        describe(`client ${version} at ${mount} by ${way}`, () => {
          const options = { version, mount, way };

          test('connects, and knows its id', async ({ join }) => {
            const root = await join('/', options);
            assert.deepEqual(await root.next('auth'), [{}]);
            const peer = await join('/features', options);
            const told = await peer.get('handshake');
            assert.deepEqual([told.id, told.nsp, told.protocol], [peer.id, '/features', version === 2 ? 3 : 4]);
            assert.equal(peer.transport, WAYS[way].at(-1));
            if (version === 2) {
              assert.equal(root.id, root.manager.engine.id);
              assert.equal(peer.id, `/features#${peer.manager.engine.id}`);
            }
          });

          test('events and acknowledgements of every kind', async ({ join }) => {
            const peer = await join('/features', options);
            const texts = Object.values(TEXTS);
            const args = [1, null, true, { a: [{}] }, ...texts];
            peer.emit('echo', ...args);
            assert.deepEqual(await peer.next('echo-back'), args);
            assert.deepEqual(await peer.ask('ack', ...args), args);
            assert.deepEqual(await peer.ask('ack-none'), []);
            assert.deepEqual(await peer.ask('ack-double'), ['first']);
            const binary = [bytes(), { deep: [bytes(1, 2), 'é'] }, Buffer.alloc(5000, 7)];
            peer.emit('echo', ...binary);
            assert.deepEqual(await peer.next('echo-back'), binary);
            assert.deepEqual(await peer.ask('ack', ...binary), binary);
            peer.emit('bin-out').emit('echo', 'after');
            assert.deepEqual(await peer.next('bin'), [bytes(0, 1, 2, 255), { a: [bytes(0xaa), 't'], b: { c: bytes(0xbb, 0xcc) }, n: null }]);
            assert.deepEqual(await peer.next('echo-back'), ['after']);
            assert.equal(await peer.get('bin-len', bytes(1, 2, 3)), 3);
            peer.emit('big', 100_000, true);
            assert.equal((await peer.next('blob'))[0].length, 100_000);
          });

          test('the server asks', async ({ join }) => {
            const peer = await join('/features', options);
            peer.socket.on('question', (n, own, ack) => ack(n + 1, own));
            peer.emit('ask', 'question', [1, bytes(5)], 20_000);
            assert.deepEqual(await peer.next('ask-result'), [{ ok: true, args: [2, bytes(5)] }]);
            peer.emit('ask', 'nobody answers', [], 50);
            assert.deepEqual(await peer.next('ask-result'), [{ ok: false, error: 'operation has timed out' }]);
          });

          test('thousands of events both ways stay in order', async ({ connect }) => {
            const peer = connect('/features', options);
            const many = peer.get('send-many', 1000);
            for (const i of numbers(1000)) peer.emit('echo', i % 5 ? i : bytes(i & 255, i >> 8));
            const back = await peer.several('echo-back', 1000);
            assert.deepEqual(back.map((each) => (Buffer.isBuffer(each) ? each.readUInt16LE() : each)), numbers(1000));
            assert.equal(await many, 1000);
            assert.deepEqual(await peer.several('n', 1000), numbers(1000));
          });

          test('rooms, middlewares and catch-alls', async ({ join }) => {
            const [peer, other] = [await join('/features', options), await join('/features', options)];
            assert.deepEqual(await peer.get('join', 'room'), [peer.id, 'room'].sort());
            await other.get('join', ['room']);
            peer.emit('bc', { to: ['room'] }, 'news', bytes(1), { x: 1 });
            assert.deepEqual(await other.next('news'), [bytes(1), { x: 1 }]);
            peer.emit('bc', { from: 'nsp', to: [other.id] }, 'news', 2);
            assert.deepEqual(await other.next('news'), [2]);
            for (const each of [peer, other]) each.socket.on('question', (ack) => ack(each.id));
            const told = await peer.get('bc-ack', { from: 'nsp', to: ['room'], timeout: 20_000 }, 'question');
            assert.deepEqual({ ...told, responses: told.responses.sort() }, { ok: true, responses: [peer.id, other.id].sort() });
            peer.emit('blocked').emit('mutate', 'x').emit('any:thing', 1);
            assert.deepEqual(await peer.next('mw-error'), ['blocked by middleware']);
            assert.deepEqual(await peer.next('mutate-back'), ['mutated:x']);
            assert.deepEqual(await peer.next('any-seen'), ['any:thing', [1]]);
            for (const each of [peer, other]) await each.get('leave', 'room');
          });

          test('who is let in, who is not', async ({ join, connect }) => {
            const secret = version === 2 ? ['/auth-required?token=secret', options] : ['/auth-required', { ...options, auth: { token: 'secret' } }];
            const member = await join(...secret);
            assert.deepEqual(await member.next('welcome'), [{ mw: ['first', 'second'], user: null }]);
            const refusals = { '/auth-required': { code: 401, hint: 'token' }, '/refused': 'nope', '/none': { message: 'Invalid namespace' } };
            for (const [nsp, data] of Object.entries(refusals)) {
              const error = await connect(nsp, options).refused();
              if (version === 2) assert.deepEqual(error, data, nsp);
              else assert.equal(error.message, { '/auth-required': 'unauthorized', '/refused': 'nope', '/none': 'Invalid namespace' }[nsp]);
            }
            const dynamic = await join('/dyn-42', options);
            assert.deepEqual(await dynamic.next('ns'), ['/dyn-42']);
            assert.equal(await connect('/slow', options).get('ack', 'in the end'), 'in the end');
          });

          test('several namespaces share a connection', async ({ join, connect }) => {
            const root = await join('/', options);
            const features = await connect('/features', { manager: root.manager }).connected();
            const dynamic = await connect('/dyn-1', { manager: root.manager }).connected();
            features.leave();
            assert.deepEqual(await root.ask('message-with-ack', 1), [1]);
            dynamic.emit('sib', 'here');
            assert.deepEqual(await dynamic.next('from-ns'), ['here']);
          });

          test('ends, and why', async ({ join }) => {
            const admin = await join('/admin', { mount });
            const log = async (id) => {
              await eventually(async () => (await admin.get('log', id)).length === 3);
              return (await admin.get('log', id)).at(-1);
            };
            const sent = await join('/features', options);
            const ids = [sent.id];
            sent.emit('disconnect-me', false);
            assert.equal(await sent.closed(), 'io server disconnect');
            assert.equal(await log(ids[0]), 'disconnect server namespace disconnect');
            const left = await join('/features', options);
            ids.push(left.id);
            left.leave();
            assert.equal(await left.closed(), 'io client disconnect');
            assert.equal(await log(ids[1]), 'disconnect client namespace disconnect');
            const closed = await join('/features', options);
            ids.push(closed.id);
            closed.emit('disconnect-me', true);
            assert.match(await closed.closed(), /^(io server disconnect|transport close)$/);
            assert.equal(await log(ids[2]), 'disconnect server namespace disconnect');
          });
        });
      }
    }

    test('heartbeats keep every version alive', async ({ connect, after: last }) => {
      const own = await serve(stack, '--permissive', '--ping-interval-ms', '100', '--ping-timeout-ms', '60000');
      last(() => own.kill());
      await Promise.all([2, 3, 4].flatMap((version) => Object.keys(WAYS).map(async (way) => {
        const peer = await connect('/features', { server: own, version, way }).connected();
        await peer.until(() => peer.beats >= 5, 'heartbeats');
        assert.equal(await peer.get('ack', 'still here'), 'still here');
        assert.deepEqual(peer.reasons, []);
      })));
    });

    test('/fastping.io/ lets both revisions in', async () => {
      for (const revision of [3, 4]) {
        const answer = await fetch(`${server.origin}/fastping.io/?EIO=${revision}&transport=polling`);
        assert.match(await answer.text(), /"pingInterval":300,"pingTimeout":200,/);
      }
    });

    test('revision 3 is refused where it is not let in', async ({ connect }) => {
      for (const mount of ['/socket.io/', '/recovery.io/', '/options.io/', '/noupgrade.io/']) {
        const answer = await fetch(`${server.origin}${mount}?EIO=3&transport=polling`);
        assert.deepEqual([answer.status, await answer.json()], [400, { code: 5, message: 'Unsupported protocol version' }]);
        for (const way of Object.keys(WAYS)) {
          const peer = connect('/', { version: 2, mount, way });
          const error = await peer.refused();
          assert.ok(error);
          assert.equal(peer.connections, 0);
        }
      }
    });

    test('all versions share rooms, on every kind of connection', async ({ join }) => {
      const mount = '/legacy.io/';
      const peers = [];
      for (const version of [4, 3, 2]) for (const way of Object.keys(WAYS)) peers.push(await join('/features', { version, way, mount }));
      for (const peer of peers) await peer.get('join', 'shared');
      for (const [i, peer] of peers.entries()) {
        peer.emit('bc', { from: 'nsp', to: ['shared'] }, 'news', i, bytes(i), 'é😀', { deep: [bytes(i, i)] });
        for (const each of peers) assert.deepEqual(await each.next('news'), [i, bytes(i), 'é😀', { deep: [bytes(i, i)] }]);
      }
      for (const [i, peer] of peers.entries()) peer.socket.on('question', (ack) => ack(i, 'more'));
      const told = await peers[0].get('bc-ack', { from: 'nsp', to: ['shared'], timeout: 20_000 }, 'question');
      assert.deepEqual({ ...told, responses: told.responses.sort() }, { ok: true, responses: numbers(9) });
      for (let i = 0; i < 200; i += 1) peers[i % 9].emit('bc', { from: 'nsp', to: ['shared'] }, `by ${i % 9}`, i);
      for (const peer of peers) {
        for (const at of numbers(9)) assert.deepEqual(await peer.several(`by ${at}`, numbers(200).filter((i) => i % 9 === at).length), numbers(200).filter((i) => i % 9 === at));
      }
      const admin = await join('/admin', { mount });
      const found = await admin.get('fetch', { nsp: '/features', to: ['shared'] });
      assert.deepEqual(found.map(({ id }) => id), peers.map(({ id }) => id).sort());
    });

    test('a client of version 2 tells its query', async ({ join }) => {
      const peer = await join('/features', { version: 2, mount: '/legacy.io/', query: { a: 'b c', d: 'é' } });
      const { query } = await peer.get('handshake');
      assert.deepEqual([query.a, query.d, query.EIO], ['b c', 'é', '3']);
    });

    describe('the second protocol on the wire', () => {
      const LEGACY = { mount: '/legacy.io/', revision: 3 };
      const hole = (num) => `{"_placeholder":true,"num":${num}}`;
      const start = async (open) => {
        const session = await open('websocket', LEGACY);
        assert.deepEqual(await session.several(2), ['40', '42["auth",{}]']);
        return session;
      };

      wire('the root is joined without being asked for', async ({ open }) => {
        const session = await start(open);
        session.send('420["message-with-ack",1]');
        assert.equal(await session.receive(), '430[1]');
      });

      wire('over polling as well', async () => {
        let url = `${server.origin}/legacy.io/?EIO=3&transport=polling`;
        const sized = (...packets) => packets.map((packet) => `${packet.length}:${packet}`).join('');
        /** Polls until this is all there is. */
        const polled = async (...packets) => {
          const expected = sized(...packets);
          let body = '';
          while (body.length < expected.length) body += await (await fetch(url)).text();
          assert.equal(body, expected);
        };
        const first = await (await fetch(url)).text();
        const [, length, json, rest] = /^(\d+):(0\{[^}]*\})(.*)$/.exec(first);
        assert.equal(Number(length), json.length);
        url += `&sid=${JSON.parse(json.slice(1)).sid}`;
        const greeting = sized('40', '42["auth",{}]');
        let body = rest;
        while (body.length < greeting.length) body += await (await fetch(url)).text();
        assert.equal(body, greeting);
        const post = await fetch(url, { method: 'POST', body: sized('42["message",1]', '42["message","é😀"]') });
        assert.equal(await post.text(), 'ok');
        await polled('42["message-back",1]', '42["message-back","é😀"]');
      });

      wire('other namespaces are joined with a query for a payload', async ({ open }) => {
        const session = await start(open);
        const CASES = [
          ['40/features', '40/features,'],
          ['40/custom,', '40/custom,', '42/custom,["auth",{}]'],
          ['40/dyn-1?token=a%20b&x=1', '40/dyn-1,', '42/dyn-1,["ns","/dyn-1"]'],
          ['40/auth-required?token=secret&user=ann,', '40/auth-required,', '42/auth-required,["welcome",{"mw":["first","second"],"user":"ann"}]'],
        ];
        for (const [asked, ...answers] of CASES) {
          session.send(asked);
          assert.deepEqual(await session.several(answers.length), answers, asked);
        }
        session.send('42/features,0["handshake"]');
        const [told] = JSON.parse((await session.receive()).slice('43/features,0'.length));
        assert.deepEqual([told.id, told.protocol, told.auth], [`/features#${session.handshake.sid}`, 3, {}]);
      });

      wire('the payload of a namespace is its query', async ({ open }) => {
        const session = await start(open);
        session.send('40/features?token=a%20b&x=1&y=%C3%A9+z');
        assert.equal(await session.receive(), '40/features,');
        session.send('42/features,0["handshake"]');
        const [told] = JSON.parse((await session.receive()).slice('43/features,0'.length));
        assert.deepEqual(told.auth, { token: 'a b', x: '1', y: 'é z' });
        assert.deepEqual([told.query.token, told.query.EIO], [undefined, '3']);
      });

      wire('refusals, after which the session goes on', async ({ open }) => {
        const session = await start(open);
        const CASES = [
          ['40/refused', '44/refused,"nope"'],
          ['40/refused?a=b,', '44/refused,"nope"'],
          ['40/auth-required?token=wrong', '44/auth-required,{"code":401,"hint":"token"}'],
          ['40/none', '44/none,{"message":"Invalid namespace"}'],
          ['40/none?a=b', '44/none,{"message":"Invalid namespace"}'],
        ];
        for (const [asked, answer] of CASES) {
          session.send(asked);
          assert.equal(await session.receive(), answer, asked);
        }
        session.send('420["message-with-ack"]');
        assert.equal(await session.receive(), '430[]');
      });

      wire('bytes have a byte for their type', async ({ open }) => {
        const session = await start(open);
        session.send(`451-["message",${hole(0)}]`, bytes(4, 7, 8), `451-1["message-with-ack",${hole(0)}]`, bytes(4));
        assert.deepEqual(await session.several(4), [
          `451-["message-back",${hole(0)}]`, bytes(4, 7, 8), `461-1[${hole(0)}]`, bytes(4),
        ]);
        session.send(`451-["message",${hole(0)}]`, 'b4Bwg=');
        assert.deepEqual(await session.several(2), [`451-["message-back",${hole(0)}]`, bytes(4, 7, 8)]);
      });

      wire('the client beats, and the server answers', async ({ open }) => {
        const session = await open('websocket', { ...LEGACY, isQuiet: true });
        await session.several(2);
        session.send('2');
        assert.equal(await session.receive(), '3');
      });

      wire('leaving the root or another namespace leaves the rest', async ({ open }) => {
        const session = await start(open);
        session.send('40/features');
        await session.receive();
        session.send('41', '42/features,["echo",1]');
        assert.equal(await session.receive(), '42/features,["echo-back",1]');
      });

      for (const packet of ['4', '47', '42{"a":1}', '42["disconnect"]', '42/none,["x"]']) {
        wire(`ends the session after ${packet}`, async ({ open }) => {
          const session = await start(open);
          session.send(packet);
          assert.deepEqual(await session.rest(), []);
        });
      }
    });
  });
}
