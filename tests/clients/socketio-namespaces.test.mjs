// Namespaces of Socket.IO: who is let in, who is not and why, several over one connection, those made on demand.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';

const UNAUTHORIZED = { message: 'unauthorized', data: { code: 401, hint: 'token' } };
const told = ({ message, data }) => ({ message, data });

for (const stack of STACKS) {
  describe(`namespaces, ${stack}`, () => {
    let server;
    before(async () => { server = await serve(stack); });
    after(() => server?.kill());
    const test = sockets(() => server);

    for (const way of Object.keys(WAYS)) {
      describe(way, () => {
        test('middlewares run in order and let in who may', async ({ join }) => {
          const peer = await join('/auth-required', { way, auth: { token: 'secret', user: { name: 'ann' } } });
          assert.deepEqual(await peer.next('welcome'), [{ mw: ['first', 'second'], user: { name: 'ann' } }]);
          const other = await join('/auth-required', { way, auth: { token: 'secret' } });
          assert.deepEqual(await other.next('welcome'), [{ mw: ['first', 'second'], user: null }]);
        });

        test('a refusal tells why, with data, and is no disconnection', async ({ connect }) => {
          for (const auth of [undefined, {}, { token: 'wrong' }, { token: 1 }]) {
            const peer = connect('/auth-required', { way, auth });
            assert.deepEqual(told(await peer.refused()), UNAUTHORIZED);
            assert.deepEqual([peer.socket.connected, peer.connections, peer.reasons], [false, 0, []]);
          }
        });

        test('a refusal without data has none', async ({ connect }) => {
          assert.deepEqual(told(await connect('/refused', { way }).refused()), { message: 'nope', data: undefined });
        });

        test('who was refused may try again on the same session', async ({ join, connect }) => {
          const { manager } = await join('/', { way });
          const session = manager.engine.id;
          const peer = connect('/auth-required', { manager });
          assert.deepEqual(told(await peer.refused()), UNAUTHORIZED);
          peer.socket.auth = { token: 'secret' };
          peer.socket.connect();
          await peer.connected();
          await peer.next('welcome');
          assert.equal(manager.engine.id, session);
        });

        test('each attempt runs the middlewares once', async ({ join, connect }) => {
          const peer = await join('/auth-required', { way, auth: { token: 'secret' } });
          const before = await peer.get('mw-count');
          await connect('/auth-required', { way }).refused();
          await join('/auth-required', { way, auth: { token: 'secret' } });
          assert.equal(await peer.get('mw-count'), before + 2);
        });

        test('a slow middleware lets in late, and events wait for it', async ({ connect }) => {
          const begun = Date.now();
          const peer = connect('/slow', { way });
          assert.equal(await peer.get('ack', 'patient'), 'patient');
          await peer.connected();
          assert.ok(Date.now() - begun >= 280, `after ${Date.now() - begun} ms`);
        });

        test('a session that ends during a slow middleware leaves nothing behind', async ({ connect, join }) => {
          const admin = await join('/admin', { way });
          const { clients } = await admin.get('stats');
          const first = await join('/features', { way });
          const peer = connect('/slow', { manager: first.manager });
          // By then the CONNECT of the second is with the server.
          await first.settled();
          first.manager.engine.close();
          const late = await join('/slow', { way });
          await late.settled();
          assert.equal(peer.connections, 0);
          const stats = await admin.get('stats');
          assert.deepEqual([stats.nsps['/slow'], stats.clients], [1, clients + 1]);
        });

        test('unknown namespaces are refused', async ({ join, connect }) => {
          const root = await join('/', { way });
          const UNKNOWN = ['/none', '/features/', '/Features', '/features?x=1', '/dyn-', '/dyn-x', '/dyn-1x', '/x/dyn-1', '/__proto__', '/é 😀', '/fn'];
          for (const nsp of UNKNOWN) {
            const peer = connect(nsp, { manager: root.manager });
            assert.deepEqual(told(await peer.refused()), { message: 'Invalid namespace', data: undefined }, nsp);
          }
          assert.deepEqual(await root.ask('message-with-ack', 1), [1]);
        });

        test('a pattern makes namespaces on demand, each on its own', async ({ join }) => {
          const [one, again, two] = [await join('/dyn-1', { way }), await join('/dyn-1', { way }), await join('/dyn-002', { way })];
          for (const peer of [one, again]) assert.deepEqual(await peer.next('ns'), ['/dyn-1']);
          assert.deepEqual(await two.next('ns'), ['/dyn-002']);
          for (const peer of [one, two]) assert.deepEqual(await peer.get('get-data'), { parent: true });

          one.emit('sib', 'siblings');
          for (const peer of [one, again]) assert.deepEqual(await peer.next('from-ns'), ['siblings']);
          two.emit('parent-bc', 'all');
          for (const peer of [one, again, two]) assert.deepEqual(await peer.next('from-parent'), ['all']);
          await two.get('get-data');
          assert.equal(two.count('from-ns'), 0);
        });

        test('a predicate makes namespaces for who may', async ({ join, connect }) => {
          const peer = await join('/fn-a', { way, auth: { allow: true } });
          assert.deepEqual(await peer.next('ns'), ['/fn-a']);
          for (const auth of [undefined, { allow: false }, { allow: 'true' }, { allow: 1 }]) {
            const refused = connect(`/fn-${way}`, { way, auth });
            assert.deepEqual(told(await refused.refused()), { message: 'Invalid namespace', data: undefined });
          }
        });

        test('several namespaces share a connection and nothing else', async ({ join, connect }) => {
          const root = await join('/', { way, auth: { in: 'root' } });
          const { manager } = root;
          const features = connect('/features', { manager, auth: { in: 'features' } });
          const custom = connect('/custom', { manager });
          const dynamic = connect('/dyn-7', { manager });
          const refused = connect('/refused', { manager });
          const unknown = connect('/unknown', { manager });
          for (const peer of [features, custom, dynamic]) await peer.connected();
          assert.equal((await refused.refused()).message, 'nope');
          assert.equal((await unknown.refused()).message, 'Invalid namespace');
          assert.equal(new Set([root, features, custom, dynamic].map(({ id }) => id)).size, 4, 'each has an id of its own');
          assert.deepEqual(await root.next('auth'), [{ in: 'root' }]);
          assert.deepEqual(await custom.next('auth'), [{}]);
          assert.deepEqual((await features.get('handshake')).auth, { in: 'features' });

          custom.emit('message', 'in custom');
          root.emit('message', Buffer.from('in root'));
          features.emit('echo', 'in features');
          assert.deepEqual(await custom.next('message-back'), ['in custom']);
          assert.deepEqual(await root.next('message-back'), [Buffer.from('in root')]);
          assert.deepEqual(await features.next('echo-back'), ['in features']);

          features.leave();
          const back = await root.ask('message-with-ack', 'still here');
          assert.deepEqual(back, ['still here']);
          features.socket.connect();
          await features.connected(2);
          await features.settled();
          assert.deepEqual([root.reasons, custom.reasons, features.reasons], [[], [], ['io client disconnect']]);
          assert.deepEqual([root, custom, dynamic].map(({ heard }) => heard.filter(({ name }) => name !== 'ns').length), [0, 0, 0]);
        });

        test('acknowledgements of several namespaces do not mix', async ({ join, connect }) => {
          const root = await join('/', { way });
          const features = await connect('/features', { manager: root.manager }).connected();
          const answers = await Promise.all(Array.from({ length: 100 }, (_, i) =>
            (i % 2 ? root.get('message-with-ack', i) : features.get('ack', i))));
          assert.deepEqual(answers, Array.from({ length: 100 }, (_, i) => i));
          for (let i = 0; i < 10; i += 1) features.emit('ask', 'question', [i], 20_000);
          for (let i = 0; i < 10; i += 1) {
            const [asked, ack] = await features.next('question');
            ack(asked);
          }
          for (let i = 0; i < 10; i += 1) assert.deepEqual(await features.next('ask-result'), [{ ok: true, args: [i] }]);
        });

        test('who is disconnected from one namespace keeps the others', async ({ join, connect }) => {
          const root = await join('/', { way });
          const features = await connect('/features', { manager: root.manager }).connected();
          const { id } = features;
          features.emit('disconnect-me', false);
          assert.equal(await features.closed(), 'io server disconnect');
          assert.deepEqual(await root.ask('message-with-ack', 1), [1]);
          features.socket.connect();
          await features.connected(2);
          assert.notEqual(features.id, id, 'a new socket has a new id');
          assert.deepEqual(root.reasons, []);
        });

        test('who is disconnected with the connection loses all of them', async ({ join, connect }) => {
          const root = await join('/', { way });
          const { manager } = root;
          const features = await connect('/features', { manager }).connected();
          const dynamic = await connect('/dyn-3', { manager }).connected();
          const { id } = dynamic;
          let end = null;
          manager.on('close', (reason) => { end = reason; });
          features.emit('disconnect-me', true);
          for (const peer of [root, features, dynamic]) assert.equal(await peer.closed(), 'io server disconnect');
          await root.until(() => end);
          assert.match(end, /^(transport close|forced close)$/);
          const admin = await join('/admin', { way });
          assert.deepEqual(await admin.get('log', id), [
            'connection', `disconnecting server namespace disconnect ${id}`, 'disconnect server namespace disconnect',
          ]);
        });
      });
    }
  });
}
