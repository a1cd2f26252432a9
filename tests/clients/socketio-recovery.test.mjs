// Connection state recovery: who comes back in time is who it was, with its rooms and data, and has missed nothing.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { eventually } from './lib/bounded.mjs';
import { layCable } from './lib/cable.mjs';
import { peerOf, serve, sockets, STACKS, WAYS } from './lib/socketio.mjs';
import { KINDS, wires } from './lib/wire.mjs';

const MOUNT = { mount: '/recovery.io/' };
const BACK = { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 10 };
const bytes = (...list) => Buffer.from(list);

for (const stack of STACKS) {
  describe(`recovery, ${stack}`, () => {
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
    const gone = (id, times = 1) => eventually(async () => (await admin.get('log', id)).filter((line) => line.startsWith('disconnect ')).length >= times);
    const emit = (sel, ...event) => admin.get('emit', { nsp: '/features', ...sel }, ...event);

    /** A real client behind a cable, in a room, with data, that has heard one event and so can recover. */
    const behindCable = async (join, last, options) => {
      const cable = await layCable(server.port);
      last(() => cable.close());
      const peer = await join('/features', { ...MOUNT, ...BACK, server: cable, ...options });
      await peer.get('join', ['room', 'hidden']);
      await peer.get('set-data', { name: 'ann' });
      await emit({ to: [peer.id] }, 'before', 1);
      await peer.next('before');
      return { cable, peer };
    };
    /** Ends the session in a way that the server sees at once, and leaves the client without a network. */
    const cut = async ({ cable, peer }) => {
      const { id } = peer;
      const times = peer.reasons.length + 1;
      cable.unplug();
      await peer.closed(times);
      await gone(id, times);
    };

    for (const way of ['websocket', 'upgrade']) {
      test(`a client that lost its network is who it was, by ${way}`, async ({ join, after: last }) => {
        const { cable, peer } = await behindCable(join, last, { way, auth: { first: true } });
        assert.equal(peer.socket.recovered, false);
        const { id } = peer;
        await cut({ cable, peer });
        await emit({ to: ['room'] }, 'missed', 1);
        await emit({ to: ['elsewhere'] }, 'missed', 'not for it');
        await emit({ to: [id] }, 'missed', 2, bytes(1, 2), { deep: [bytes(3)] });
        await emit({ except: ['hidden'] }, 'missed', 'not for it either');
        await emit({ to: ['elsewhere', 'hidden', 'room'] }, 'missed', 3);
        await emit({}, 'missed', 4);
        cable.plug();
        await peer.connected(2);
        assert.equal(peer.socket.recovered, true);
        assert.equal(peer.id, id);
        await emit({ to: ['room'] }, 'after', 5);
        const first = async (name) => (await peer.next(name)).slice(0, -1); // the last is the offset
        assert.deepEqual(await first('missed'), [1]);
        assert.deepEqual(await first('missed'), [2, bytes(1, 2), { deep: [bytes(3)] }]);
        assert.deepEqual(await first('missed'), [3]);
        assert.deepEqual(await first('missed'), [4]);
        assert.deepEqual(await first('after'), [5]);
        assert.deepEqual([peer.count('missed'), peer.count('after'), peer.count('before')], [0, 0, 0]);
        assert.deepEqual(await peer.get('rooms'), [id, 'room', 'hidden'].sort());
        assert.deepEqual(await peer.get('get-data'), { name: 'ann' });
        const told = await peer.get('handshake');
        assert.deepEqual([told.recovered, told.connected], [true, true]);
        assert.deepEqual(await admin.get('log', id), [
          'connection', `disconnecting transport close ${[id, 'room', 'hidden'].sort().join(',')}`, 'disconnect transport close', 'connection',
        ]);
      });
    }

    test('over and over, with nothing lost, doubled or reordered', async ({ join, after: last }) => {
      const { cable, peer } = await behindCable(join, last, { way: 'websocket' });
      const { id } = peer;
      let sent = 0;
      for (let round = 0; round < 5; round += 1) {
        for (let i = 0; i < 20; i += 1) await emit({ to: ['room'] }, 'n', sent++);
        await cut({ cable, peer });
        for (let i = 0; i < 20; i += 1) await emit({ to: ['room'] }, 'n', sent++);
        cable.plug();
        await peer.connected(round + 2);
        assert.deepEqual([peer.socket.recovered, peer.id], [true, id]);
      }
      assert.deepEqual(await peer.several('n', sent), Array.from({ length: sent }, (_, i) => i));
      await peer.settled();
      assert.equal(peer.count('n'), 0);
    });

    test('a cut in the middle of a stream loses nothing', async ({ join, after: last }) => {
      const { cable, peer } = await behindCable(join, last, { way: 'websocket' });
      const COUNT = 1000;
      const stream = (async () => { for (let i = 0; i < COUNT; i += 1) await emit({ to: ['room'] }, 'n', i); })();
      await peer.until(() => peer.count('n') >= 100);
      await cut({ cable, peer });
      cable.plug();
      await peer.connected(2);
      assert.equal(peer.socket.recovered, true);
      await stream;
      assert.deepEqual(await peer.several('n', COUNT), Array.from({ length: COUNT }, (_, i) => i));
    });

    test('who was away for too long is somebody else', async ({ join, after: last }) => {
      const { cable, peer } = await behindCable(join, last, { way: 'websocket' });
      const { id } = peer;
      await cut({ cable, peer });
      await emit({ to: ['room'] }, 'missed', 1);
      // The maximum is 3000 ms.
      assert.equal(await admin.get('fetch', { nsp: '/features' }).then((list) => list.some((one) => one.id === id)), false);
      const witness = await join('/features', MOUNT);
      assert.equal(await witness.get('ack-later', 3300, 'later'), 'later');
      cable.plug();
      await peer.connected(2);
      assert.equal(peer.socket.recovered, false);
      assert.notEqual(peer.id, id);
      assert.deepEqual(await peer.get('rooms'), [peer.id]);
      assert.deepEqual(await peer.get('get-data'), {});
      assert.equal(peer.count('missed'), 0);
      assert.deepEqual([(await peer.get('handshake')).recovered, (await admin.get('log', id)).length], [false, 3]);
    });

    for (const [name, leave] of Object.entries({
      'the client left': (peer) => peer.leave(),
      'the server disconnected it': (peer) => peer.emit('disconnect-me', false),
      'the server closed its connection': (peer) => peer.emit('disconnect-me', true),
    })) {
      test(`nobody recovers when ${name}`, async ({ join }) => {
        const peer = await join('/features', MOUNT);
        await emit({ to: [peer.id] }, 'before', 1);
        await peer.next('before');
        const { id } = peer;
        leave(peer);
        await peer.closed();
        await gone(id);
        peer.socket.connect();
        await peer.connected(2);
        assert.equal(peer.socket.recovered, false);
        assert.notEqual(peer.id, id);
      });
    }

    test('middlewares are left out for who recovers', async ({ join, after: last }) => {
      const cable = await layCable(server.port);
      last(() => cable.close());
      const peer = await join('/auth-required', { ...MOUNT, ...BACK, server: cable, auth: { token: 'secret' } });
      await peer.next('welcome');
      const before = await peer.get('mw-count');
      await cut({ cable, peer });
      peer.socket.auth = { token: 'forgotten' };
      cable.plug();
      await peer.connected(2);
      assert.equal(peer.socket.recovered, true);
      assert.equal(await peer.get('mw-count'), before);
      const [{ mw }] = await peer.next('welcome');
      assert.deepEqual(mw, ['first', 'second']);
    });

    test('each namespace of a connection recovers for itself', async ({ join, connect, after: last }) => {
      const { cable, peer } = await behindCable(join, last, { way: 'websocket' });
      const root = await connect('/', { manager: peer.manager }).connected();
      await root.next('auth');
      const silent = await connect('/slow', { manager: peer.manager }).connected();
      const ids = [peer.id, root.id, silent.id];
      await cut({ cable, peer });
      await emit({ to: ['room'] }, 'missed', 1);
      cable.plug();
      for (const each of [peer, root, silent]) await each.connected(2);
      // Who has never heard anything has nothing to name.
      assert.deepEqual([peer, root, silent].map(({ socket }) => socket.recovered), [true, true, false]);
      assert.deepEqual([peer.id, root.id], ids.slice(0, 2));
      assert.notEqual(silent.id, ids[2]);
      assert.deepEqual(await peer.several('missed', 1), [1]);
    });

    test('other mounts do not recover', async ({ join }) => {
      const peer = await join('/features', { mount: '/legacy.io/' });
      peer.emit('echo', 1);
      assert.deepEqual(await peer.next('echo-back'), [1], 'nothing is appended');
      assert.ok(!peer.socket.recovered);
    });

    describe('on the wire', () => {
      const connection = (packet) => JSON.parse(packet.slice('40/features,'.length));
      const OFFSET = /^42\/features,\["([\w-]+)"(?:,(.*?))?,"([^"]+)"\]$/;
      const offsetOf = (packet) => (OFFSET.exec(packet) ?? assert.fail(packet))[3];

      for (const kind of Object.keys(KINDS)) {
        /** A session in `/features` that has heard one event: what it needs to recover. */
        const begin = async (open) => {
          const session = await open(kind, MOUNT);
          await session.send('40/features,');
          const { sid, pid } = connection(await session.receive());
          await session.send('42/features,["echo",1]');
          return { session, sid, pid, offset: offsetOf(await session.receive()) };
        };
        const lose = async ({ session, sid }, times = 1) => {
          if (kind === 'polling') await session.close();
          else session.socket.terminate();
          await gone(sid, times);
        };
        /** Comes back with this payload: the answer, and the events around it. */
        const again = async (open, payload, events) => {
          const session = await open(kind, MOUNT);
          await session.send(`40/features,${JSON.stringify(payload)}`);
          const packets = await session.several(events + 1);
          // Node says what was missed first. The other way round is fine with clients as well.
          const at = packets.findIndex((packet) => packet.startsWith('40'));
          const [answer] = packets.splice(at, 1);
          return { session, ...connection(answer), events: packets };
        };

        wire(`three ids are three different ids, by ${kind}`, async ({ open }) => {
          const { session, sid, pid } = await begin(open);
          assert.ok([sid, pid].every((id) => typeof id === 'string' && id.length > 0));
          assert.equal(new Set([sid, pid, session.handshake.sid]).size, 3);
        });

        wire(`events have an offset, but for volatile ones and questions, by ${kind}`, async ({ open }) => {
          const { session } = await begin(open);
          await session.send('42/features,["echo","a",2]');
          const one = offsetOf(await session.receive());
          await session.send('42/features,["echo"]');
          const two = offsetOf(await session.receive());
          assert.notEqual(one, two);
          await session.send('451-/features,["echo",{"_placeholder":true,"num":0}]', bytes(1));
          assert.match(await session.receive(), /^451-\/features,\["echo-back",\{"_placeholder":true,"num":0\},"[^"]+"\]$/);
          assert.deepEqual(await session.receive(), bytes(1));
          await session.send('42/features,0["ack",1]');
          assert.equal(await session.receive(), '43/features,0[1]');
          await session.send('42/features,["ask","question",[1],20000]');
          assert.match(await session.receive(), /^42\/features,\d+\["question",1\]$/);
          if (kind === 'websocket') {
            await session.send('42/features,["volatile-burst",1]');
            assert.equal(await session.receive(), '42/features,["v",0]');
            assert.match(await session.receive(), /^42\/features,\["v-done",1,"[^"]+"\]$/);
          }
        });

        wire(`what was missed comes once, with its offsets, by ${kind}`, async ({ open }) => {
          const begun = await begin(open);
          const { sid, pid, offset } = begun;
          await lose(begun);
          await emit({ to: [sid] }, 'missed', 1);
          await emit({ to: [sid] }, 'missed', 2);
          await admin.get('emit-ack', { nsp: '/features', to: [sid] }, 50, 'a question', 1);
          const back = await again(open, { pid, offset }, 2);
          assert.deepEqual([back.sid, back.pid], [sid, pid]);
          const [first, second] = back.events.map((packet) => OFFSET.exec(packet));
          assert.deepEqual([first.slice(1, 3), second.slice(1, 3)], [['missed', '1'], ['missed', '2']]);
          await back.session.send('42/features,0["ack"]');
          assert.equal(await back.session.receive(), '43/features,0[]');
          // From the first of them on there is one.
          await lose({ session: back.session, sid }, 2);
          const third = await again(open, { pid, offset: first[3] }, 1);
          assert.equal(third.sid, sid);
          assert.equal(OFFSET.exec(third.events[0])[2], '2');
        });

        wire(`whoever does not say the right thing is new, by ${kind}`, async ({ open }) => {
          const WRONG = {
            'nothing': () => ({}),
            'no offset': ({ pid }) => ({ pid }),
            'no pid': ({ offset }) => ({ offset }),
            'a number for a pid': ({ offset }) => ({ pid: 1, offset }),
            'a number for an offset': ({ pid }) => ({ pid, offset: 1 }),
            'lists': ({ pid, offset }) => ({ pid: [pid], offset: [offset] }),
            'null': () => ({ pid: null, offset: null }),
            'an unknown offset': ({ pid }) => ({ pid, offset: 'unknown' }),
            'an empty offset': ({ pid }) => ({ pid, offset: '' }),
            'an unknown pid': ({ offset }) => ({ pid: 'unknown', offset }),
            'the public id for a pid': ({ sid, offset }) => ({ pid: sid, offset }),
            'the name that every object has': ({ offset }) => ({ pid: '__proto__', offset }),
          };
          const begun = await begin(open);
          await lose(begun);
          await emit({ to: [begun.sid] }, 'missed', 1);
          for (const [name, payload] of Object.entries(WRONG)) {
            const other = await again(open, payload(begun), 0);
            assert.notEqual(other.sid, begun.sid, name);
            assert.notEqual(other.pid, begun.pid, name);
            await other.session.send('42/features,0["rooms"]');
            assert.equal(await other.session.receive(), `43/features,0[["${other.sid}"]]`, name);
          }
        });

        wire(`a pid is good for its own namespace only, by ${kind}`, async ({ open }) => {
          const begun = await begin(open);
          await lose(begun);
          const session = await open(kind, MOUNT);
          await session.send(`40/dyn-1,${JSON.stringify({ pid: begun.pid, offset: begun.offset })}`);
          const { sid } = JSON.parse((await session.receive()).slice('40/dyn-1,'.length));
          assert.notEqual(sid, begun.sid);
        });

        wire(`a bad packet is no reason to be forgotten, by ${kind}`, async ({ open }) => {
          const begun = await begin(open);
          await begun.session.send('4x');
          await begun.session.rest();
          await gone(begun.sid);
          const { pid, offset, sid } = begun;
          assert.equal((await again(open, { pid, offset }, 0)).sid, sid);
        });

        wire(`who comes back before it was missed is there for good, by ${kind}`, async ({ open }) => {
          const begun = await begin(open);
          const { pid, offset } = begun;
          const back = await open(kind, MOUNT);
          await back.send(`40/features,${JSON.stringify({ pid, offset })}`);
          // [Q] For Node it is somebody else then. It may as well take the other's place.
          const { sid } = connection(await back.receive());
          if (kind === 'polling') await begun.session.close();
          else begun.session.socket.terminate();
          await gone(begun.sid);
          await back.send('42/features,0["rooms"]');
          assert.equal(await back.receive(), `43/features,0[["${sid}"]]`);
          await emit({ to: [sid] }, 'heard', 1);
          assert.match(await back.receive(), /^42\/features,\["heard",1,"/);
          const found = await admin.get('fetch', { nsp: '/features' });
          assert.equal(found.filter(({ id }) => id === sid).length, 1);
        });
      }

      wire('a heartbeat that is missed is no reason either', async ({ open }) => {
        // 5000 ms until the heartbeat, and 5000 ms more: the socket lives on meanwhile in the new session's place.
        const session = await open('websocket', MOUNT);
        await session.send('40/features,');
        const { sid, pid } = connection(await session.receive());
        await session.send('42/features,["echo",1]');
        const offset = offsetOf(await session.receive());
        session.isQuiet = true;
        await session.isClosed;
        await gone(sid);
        assert.equal((await admin.get('log', sid)).at(-1), 'disconnect ping timeout');
        const back = await open('websocket', MOUNT);
        back.send(`40/features,${JSON.stringify({ pid, offset })}`);
        assert.deepEqual(connection(await back.receive()), { sid, pid });
      });
    });

    for (const way of Object.keys(WAYS)) {
      test(`an offset is one more argument, by ${way}`, async ({ join }) => {
        const peer = await join('/features', { ...MOUNT, way });
        peer.emit('echo', 'a', bytes(1));
        const [text, own, offset] = await peer.next('echo-back');
        assert.deepEqual([text, own, typeof offset], ['a', bytes(1), 'string']);
      });
    }
  });
}
