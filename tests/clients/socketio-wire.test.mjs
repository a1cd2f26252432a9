// Socket.IO's packets as they are on the wire, good and bad, over a WebSocket and over polling.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { eventually } from './lib/bounded.mjs';
import { IS_REFERENCE, peerOf, serve, STACKS } from './lib/socketio.mjs';
import { KINDS, wires } from './lib/wire.mjs';

const bytes = (...list) => Buffer.from(list);
const hole = (num) => `{"_placeholder":true,"num":${num}}`;

/** What is sent in `/features`, and what comes back. */
const ANSWERED = {
  'a number': ['42/features,["echo",1]', '42/features,["echo-back",1]'],
  'no argument': ['42/features,["echo"]', '42/features,["echo-back"]'],
  'keys in their order': ['42/features,["echo",{"b":1,"a":{"z":[],"y":null}}]', '42/features,["echo-back",{"b":1,"a":{"z":[],"y":null}}]'],
  'spaces in JSON': ['42/features,[ "echo" , { "b" : 1 } ]', '42/features,["echo-back",{"b":1}]'],
  'escaped characters': ['42/features,["\\u0065cho","\\u00e9\\/\\ud83d\\ude00"]', '42/features,["echo-back","é/😀"]'],
  'an acknowledgement': ['42/features,5["ack","x",null]', '43/features,5["x",null]'],
  'the id 0': ['42/features,0["ack","x"]', '43/features,0["x"]'],
  'the largest id': ['42/features,9007199254740991["ack"]', '43/features,9007199254740991[]'],
  'an acknowledgement without arguments': ['42/features,7["ack-none"]', '43/features,7[]'],
  'a mark of bytes where there are none': [`42/features,1["ack",${hole(0)}]`, `43/features,1[${hole(0)}]`],
  'a name as others reserve it': ['42/features,["any:error"]', '42/features,["any-seen","any:error",[]]'],
};

/** Packets of type 5 with what follows them, and what comes back. */
const BINARY = {
  'one attachment': [[`451-/features,["echo",${hole(0)}]`, bytes(1, 2)], [`451-/features,["echo-back",${hole(0)}]`, bytes(1, 2)]],
  'an empty attachment': [[`451-/features,["echo",${hole(0)}]`, bytes()], [`451-/features,["echo-back",${hole(0)}]`, bytes()]],
  'an acknowledgement': [[`451-/features,3["ack",${hole(0)}]`, bytes(1)], [`461-/features,3[${hole(0)}]`, bytes(1)]],
  'marks out of order': [
    [`452-/features,["echo",${hole(1)},[${hole(0)}]]`, bytes(1), bytes(2)],
    [`452-/features,["echo-back",${hole(0)},[${hole(1)}]]`, bytes(2), bytes(1)],
  ],
  'one number used twice': [
    [`451-/features,["echo",${hole(0)},${hole(0)}]`, bytes(9)],
    [`452-/features,["echo-back",${hole(0)},${hole(1)}]`, bytes(9), bytes(9)],
  ],
  'an attachment that nothing names': [[`451-/features,["echo",1]`, bytes(9)], ['42/features,["echo-back",1]']],
  'the mark\'s keys in another order': [['451-/features,["echo",{"num":0,"_placeholder":true}]', bytes(1)], [`451-/features,["echo-back",${hole(0)}]`, bytes(1)]],
  'marks that are none': [
    ['451-/features,["echo",{"_placeholder":"true","num":0},{"_placeholder":1},{"_placeholder":false,"num":7}]', bytes(9)],
    ['42/features,["echo-back",{"_placeholder":"true","num":0},{"_placeholder":1},{"_placeholder":false,"num":7}]'],
  ],
  'as many attachments as may be': [
    [`4510-/features,["echo",${Array.from({ length: 10 }, (_, i) => hole(i))}]`, ...Array.from({ length: 10 }, (_, i) => bytes(i))],
    [`4510-/features,["echo-back",${Array.from({ length: 10 }, (_, i) => hole(i))}]`, ...Array.from({ length: 10 }, (_, i) => bytes(i))],
  ],
};

/** What is let pass without a word in `/features`. */
const IGNORED = [
  '42/features,', '43/features,', '43/features', '42/features,[5,1]', '42/features,[1.5]', '42/features,["nobody listens"]',
  '42/features,12["nobody listens"]', '43/features,999[1]', '43/features,[]', '42/features,["never"]', '42/features,["error"]',
  '42/features,["connection"]', '42/features,["message"]', '42/features,[""]',
];

const RESERVED = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];

/** What is no packet, or not one that may come from a client: each ends the session of a client of `/features`. */
const VIOLATIONS = {
  'an empty packet': ['4'],
  'a type that is none': ['47'],
  'a type that is no digit': ['4x'],
  'a negative type': ['4-1'],
  'broken JSON': ['42/features,["echo"'],
  'text after JSON': ['42/features,["echo"]]'],
  'no JSON': ['42/features,echo'],
  'an event that is an object': ['42/features,{"0":"echo"}'],
  'an event that is a text': ['42/features,"echo"'],
  'an event that is null': ['42/features,null'],
  'an event without a name': ['42/features,[]'],
  'an event whose name is null': ['42/features,[null]'],
  'an event whose name is an object': ['42/features,[{}]'],
  'an event whose name is a list': ['42/features,[["echo"]]'],
  'an event whose name is a boolean': ['42/features,[true]'],
  ...Object.fromEntries(RESERVED.map((name) => [`the reserved name ${name}`, [`42/features,["${name}",1]`]])),
  'the reserved name with an id': ['42/features,1["disconnect"]'],
  'the reserved name in disguise': ['42/features,["\\u0064isconnect"]'],
  'the reserved name among bytes': [`451-/features,["disconnecting",${hole(0)}]`, bytes(1)],
  'an acknowledgement that is an object': ['43/features,1{"a":1}'],
  'an acknowledgement that is a text': ['43/features,1"a"'],
  'a connection with a list': ['40/custom,[]'],
  'a connection with a text': ['40/custom,"x"'],
  'a connection with null': ['40/custom,null'],
  'a connection with a number': ['40/custom,-1'],
  'a connection with broken JSON': ['40/custom,{'],
  'a disconnection with a payload': ['41/features,{}'],
  'a refusal from a client': ['44/features,{"message":"no"}'],
  'a refusal that is a list': ['44/features,[]'],
  'a second connection to a namespace': ['40/features,'],
  'an event in a namespace not joined': ['42["message"]'],
  'an event in a namespace that is none': ['42/none,["message"]'],
  'an acknowledgement in a namespace not joined': ['43/custom,1[]'],
  'a disconnection from a namespace not joined': ['41/custom,'],
  'attachments without a count': ['45/features,["echo"]'],
  'no attachments': ['450-/features,["echo"]'],
  'half an attachment': [`451.5-/features,["echo",${hole(0)}]`, bytes(1)],
  'less than no attachment': [`45-1-/features,["echo",${hole(0)}]`, bytes(1)],
  'attachments of no number': ['45x-/features,["echo"]'],
  'an empty count': ['45-/features,["echo"]'],
  'a count that never ends': ['4511111'],
  'too many attachments': ['4511-/features,["echo"]'],
  'far too many attachments': ['4599999999999999999999-/features,["echo"]'],
  'a text where an attachment is due': [`451-/features,["echo",${hole(0)}]`, '42/features,["echo"]'],
  'another binary event where an attachment is due': [`451-/features,["echo",${hole(0)}]`, `451-/features,["echo",${hole(0)}]`],
  'an attachment that is not due': [bytes(1)],
  'a mark beyond the attachments': [`451-/features,["echo",${hole(1)}]`, bytes(1)],
  'a mark below them': [`451-/features,["echo",${hole(-1)}]`, bytes(1)],
  'a mark with a text': [`451-/features,["echo",${hole('"0"')}]`, bytes(1)],
  'a mark with null': [`451-/features,["echo",${hole('null')}]`, bytes(1)],
  'a mark without a number': ['451-/features,["echo",{"_placeholder":true}]', bytes(1)],
  'a mark with a name that every object has': [`451-/features,["echo",${hole('"length"')}]`, bytes(1)],
};

/** [Q] What Node lets pass, as it converts what it reads to a number, and what nobody sends: here it is a violation. */
const STRICTER = {
  'a count in another notation': [`450x1-/features,["echo",${hole(0)}]`, bytes(1)],
  'a mark between them': [`452-/features,["echo",${hole(0.5)}]`, bytes(1), bytes(2)],
};

for (const stack of STACKS) {
  describe(`packets, ${stack}`, () => {
    let server, admin;
    before(async () => {
      server = await serve(stack);
      admin = await peerOf(server, '/admin').connected();
    });
    after(async () => {
      admin?.leave();
      await server?.kill();
    });
    const test = wires(() => server);

    const ended = (id) => eventually(async () => (await admin.get('log', id)).length === 3);
    /** Why the only socket of a session is gone, by what was told at each step. */
    const reason = async (id) => {
      await ended(id);
      const log = await admin.get('log', id);
      const [, why] = /^disconnect (.*)$/.exec(log.at(-1));
      assert.deepEqual(log, ['connection', `disconnecting ${why} ${id}`, `disconnect ${why}`]);
      return why;
    };

    for (const kind of Object.keys(KINDS)) {
      describe(kind, () => {
        test('a connection is answered before anything is said', async ({ open }) => {
          for (const [asked, auth] of [['40', '{}'], ['40/,', '{}'], ['40/', '{}'], ['40{}', '{}'], ['40{"token":1,"a":[null]}', '{"token":1,"a":[null]}'], ['4012{"id":"ignored"}', '{"id":"ignored"}']]) {
            const session = await open(kind);
            await session.send(asked);
            assert.match(await session.receive(), /^40\{"sid":"[^"]+"\}$/, asked);
            assert.equal(await session.receive(), `42["auth",${auth}]`, asked);
          }
        });

        test('a connection to a namespace may end with a comma or not', async ({ open }) => {
          for (const asked of ['40/custom', '40/custom,', '40/custom,{}']) {
            const session = await open(kind);
            await session.send(asked);
            assert.match(await session.receive(), /^40\/custom,\{"sid":"[^"]+"\}$/, asked);
            assert.equal(await session.receive(), '42/custom,["auth",{}]', asked);
          }
        });

        test('ids of sockets are no ids of sessions', async ({ joined }) => {
          const session = await joined(kind, '/features');
          assert.notEqual(session.id, session.handshake.sid);
          assert.ok(!session.id.includes(session.handshake.sid));
        });

        test('refusals, after which the session goes on', async ({ open }) => {
          const session = await open(kind);
          const CASES = [
            ['40/none,', '44/none,{"message":"Invalid namespace"}'],
            ['40/none,{"token":1}', '44/none,{"message":"Invalid namespace"}'],
            ['40/features?x=1,', '44/features?x=1,{"message":"Invalid namespace"}'],
            ['40/__proto__', '44/__proto__,{"message":"Invalid namespace"}'],
            ['40/fn-a,{"allow":false}', '44/fn-a,{"message":"Invalid namespace"}'],
            ['40/refused', '44/refused,{"message":"nope"}'],
            ['40/refused,{}', '44/refused,{"message":"nope"}'],
            ['40/auth-required,', '44/auth-required,{"message":"unauthorized","data":{"code":401,"hint":"token"}}'],
          ];
          for (const [asked, answer] of CASES) {
            await session.send(asked);
            assert.equal(await session.receive(), answer);
          }
          await session.send('40/auth-required,{"token":"secret","user":"ann"}');
          assert.match(await session.receive(), /^40\/auth-required,\{"sid":"[^"]+"\}$/);
          assert.equal(await session.receive(), '42/auth-required,["welcome",{"mw":["first","second"],"user":"ann"}]');
          await session.send('40/dyn-12,');
          assert.match(await session.receive(), /^40\/dyn-12,\{"sid":"[^"]+"\}$/);
          assert.equal(await session.receive(), '42/dyn-12,["ns","/dyn-12"]');
        });

        for (const [name, [asked, answer]] of Object.entries(ANSWERED)) {
          test(`answers ${name}`, async ({ joined }) => {
            const session = await joined(kind, '/features');
            await session.send(asked);
            assert.equal(await session.receive(), answer);
          });
        }

        for (const [name, [asked, answer]] of Object.entries(BINARY)) {
          test(`answers bytes: ${name}`, async ({ joined }) => {
            const session = await joined(kind, '/features');
            await session.send(...asked);
            assert.deepEqual(await session.several(answer.length), answer);
          });
        }

        test('the root is not named', async ({ joined }) => {
          const session = await joined(kind, '/');
          await session.send('42["message",1]', '42/,["message",2]', '420["message-with-ack"]', `451-["message",${hole(0)}]`, bytes(1));
          assert.deepEqual(await session.several(5), [
            '42["message-back",1]', '42["message-back",2]', '430[]', `451-["message-back",${hole(0)}]`, bytes(1),
          ]);
        });

        test('the server\'s own bytes follow their packet in order', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('42/features,["bin-out"]', '42/features,["echo",1]');
          assert.deepEqual(await session.several(5), [
            `453-/features,["bin",${hole(0)},{"a":[${hole(1)},"t"],"b":{"c":${hole(2)}},"n":null}]`,
            bytes(0, 1, 2, 255), bytes(0xaa), bytes(0xbb, 0xcc), '42/features,["echo-back",1]',
          ]);
        });

        test('what means nothing is ignored', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send(...IGNORED, '42/features,0["ack","here"]');
          assert.equal(await session.receive(), '43/features,0["here"]');
        });

        test('half a character does not end the connection', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('42/features,0["ack","\\ud800"]', '42/features,1["ack"]');
          // A server whose texts cannot hold one may replace it.
          assert.match(await session.receive(), /^43\/features,0\["(\\ud800|\ufffd)"\]$/);
          assert.equal(await session.receive(), '43/features,1[]');
        });

        test('the server\'s questions have ids, each is answered once', async ({ joined }) => {
          const session = await joined(kind, '/features');
          const question = async () => {
            const asked = await session.receive();
            const [, id] = /^42\/features,(\d+)\["question","q"\]$/.exec(asked) ?? assert.fail(asked);
            return id;
          };
          await session.send('42/features,["ask","question",["q"],20000]');
          const first = await question();
          await session.send('42/features,["ask","question",["q"],20000]');
          const second = await question();
          assert.notEqual(first, second);
          await session.send(`43/features,${second}["two"]`, `43/features,${second}["again"]`);
          assert.equal(await session.receive(), '42/features,["ask-result",{"ok":true,"args":["two"]}]');
          await session.send(`461-/features,${first}[${hole(0)}]`, bytes(1), '42/features,["echo"]');
          assert.deepEqual(await session.several(3), [
            `451-/features,["ask-result",{"ok":true,"args":[${hole(0)}]}]`, bytes(1), '42/features,["echo-back"]',
          ]);
        });

        test('an answer in another namespace answers nothing', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('40/custom,');
          await session.several(2);
          await session.send('42/features,["ask","question",[],20000]');
          const [, id] = /^42\/features,(\d+)/.exec(await session.receive());
          await session.send(`43/custom,${id}["elsewhere"]`, '42/features,["echo"]');
          assert.equal(await session.receive(), '42/features,["echo-back"]');
          await session.send(`43/features,${id}["here"]`);
          assert.equal(await session.receive(), '42/features,["ask-result",{"ok":true,"args":["here"]}]');
        });

        test('who leaves a namespace may come back as another socket', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('41/features,');
          assert.equal(await reason(session.id), 'client namespace disconnect');
          await session.send('40/features,');
          const { sid } = JSON.parse((await session.receive()).slice('40/features,'.length));
          assert.notEqual(sid, session.id);
          await session.send('42/features,["echo"]');
          assert.equal(await session.receive(), '42/features,["echo-back"]');
          await session.send('41/features');
          assert.equal(await reason(sid), 'client namespace disconnect');
        });

        test('the server disconnects one socket', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('42/features,["disconnect-me",false]');
          assert.equal(await session.receive(), '41/features,');
          assert.equal(await reason(session.id), 'server namespace disconnect');
          await session.send('40/features,');
          assert.match(await session.receive(), /^40\/features,\{"sid":/);
          await session.send('42/features,["echo"]');
          assert.equal(await session.receive(), '42/features,["echo-back"]');
        });

        test('the server disconnects the connection', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('40');
          await session.several(2);
          await session.send('42/features,["disconnect-me",true]');
          assert.deepEqual((await session.rest()).sort(), ['41', '41/features,']);
          assert.equal(await reason(session.id), 'server namespace disconnect');
        });

        const endsTheSession = async (session) => {
          assert.deepEqual(await session.rest(), [], 'something was answered');
          const why = await reason(session.id);
          // Over polling nobody may be there to be told.
          if (kind === 'polling') assert.match(why, /^forced (server )?close$/);
          else assert.equal(why, 'forced close');
        };

        for (const [name, packets] of Object.entries(VIOLATIONS)) {
          test(`ends the session after ${name}`, async ({ joined }) => {
            const session = await joined(kind, '/features');
            await session.send(...packets);
            await endsTheSession(session);
          });
        }

        for (const [name, packets] of Object.entries(STRICTER)) {
          test(`${IS_REFERENCE ? 'takes' : 'ends the session after'} ${name}`, async ({ joined }) => {
            const session = await joined(kind, '/features');
            await session.send(...packets);
            if (IS_REFERENCE) assert.match(await session.receive(), /echo-back/);
            else await endsTheSession(session);
          });
        }

        test('ends the session after one attachment too many', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send(`451-/features,["nobody listens",${hole(0)}]`, bytes(1), bytes(2));
          await endsTheSession(session);
        });

        test('what comes behind a bad packet is not done', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('42/features,["echo",1]', '4x', '42/features,["echo",2]');
          const rest = await session.rest();
          // Whether the answer still goes out is not said.
          assert.ok(rest.every((packet) => packet === '42/features,["echo-back",1]'), `answered ${rest}`);
          assert.match(await reason(session.id), /^forced (server )?close$/);
        });

        test('a bad packet ends every namespace of the session', async ({ joined }) => {
          const session = await joined(kind, '/features');
          await session.send('40/dyn-1,');
          const [answer] = await session.several(2);
          const { sid } = JSON.parse(answer.slice('40/dyn-1,'.length));
          await session.send('4x');
          await session.rest();
          for (const id of [session.id, sid]) assert.match(await reason(id), /^forced (server )?close$/);
        });

        test('deep nesting harms nobody else', async ({ joined }) => {
          const session = await joined(kind, '/features');
          const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
          await session.send(`42/features,["echo",${nested(100)}]`);
          assert.equal(await session.receive(), `42/features,["echo-back",${nested(100)}]`);
          const bad = await joined(kind, '/features');
          await bad.send(`42/features,["nobody listens",${nested(5000)}]`);
          await bad.send('42/features,["echo",1]');
          const answer = await bad.receive();
          assert.ok(['42/features,["echo-back",1]', '1', '6', undefined].includes(answer), answer);
          await session.send('42/features,["echo",1]');
          assert.equal(await session.receive(), '42/features,["echo-back",1]');
        });
      });
    }

    test('bytes at the start of a session are no connection', async ({ open }) => {
      const session = await open('websocket');
      session.send(bytes(1));
      assert.deepEqual(await session.rest(), []);
    });

    test('an event before any connection ends the session', async ({ open }) => {
      for (const packet of ['42["message"]', '41', '431[]']) {
        const session = await open('websocket');
        session.send(packet);
        assert.deepEqual(await session.rest(), [], packet);
      }
    });

    test('an event that overtakes a slow middleware ends the session', async ({ open }) => {
      const session = await open('websocket');
      session.send('40/slow,', '42/slow,0["ack"]');
      assert.deepEqual(await session.rest(), []);
    });

    test('texts over polling may be cut anywhere', async ({ joined }) => {
      const session = await joined('polling', '/features');
      const body = new TextEncoder().encode('42/features,["echo","é€😀"]');
      const chunks = new ReadableStream({ start(flow) { for (const each of body) flow.enqueue(Uint8Array.of(each)); flow.close(); } });
      const answer = await fetch(session.url, { method: 'POST', body: chunks, duplex: 'half', headers: { 'content-type': 'text/plain' } });
      assert.deepEqual([answer.status, await answer.text()], [200, 'ok']);
      assert.equal(await session.receive(), '42/features,["echo-back","é€😀"]');
    });
  });
}
