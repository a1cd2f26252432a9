// Pages in Chromium that speak Socket.IO.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
/** Not every version lets its files be asked for by name. */
const script = (name, file) => readFileSync(join(dirname(require.resolve(`${name}/package.json`)), 'dist', file), 'utf8');

/** All of them call themselves `io`. */
const CLIENTS = [
  [4, 'socket.io-client', 'socket.io.min.js'],
  ['msgpack', 'socket.io-client', 'socket.io.msgpack.min.js'],
  [3, 'socket.io-client-3', 'socket.io.min.js'],
  [2, 'socket.io-client-2', 'socket.io.js'],
].map(([version, name, file]) => `${script(name, file)};\nwindow.io${version} = window.io; delete window.io;`).join('\n');

/**
 * A page with the clients: of the server's origin or, with `scripts`, of another site.
 *
 * `talk` plays one conversation. Its `requests` are what the browser really asked the mount for meanwhile: one
 * `{kind, transport, jsonp}` each, preflights aside.
 */
export async function openPage(context, server, scripts) {
  const page = await context.newPage();
  // What one session still has to say at its end is not to be taken for the next one's.
  let talks = 0;
  let requests = [];
  const note = (text, kind) => {
    const url = new URL(text);
    if (url.host !== new URL(server.origin).host || url.searchParams.get('talk') !== String(talks)) return;
    requests.push({ kind, transport: url.searchParams.get('transport'), jsonp: url.searchParams.has('j') });
  };
  page.on('request', (request) => note(request.url(), request.resourceType()));
  page.on('websocket', (socket) => note(socket.url(), 'websocket'));
  await page.goto(scripts ? scripts.page : `${server.origin}/healthz`);
  await page.addScriptTag({ content: CLIENTS });
  return {
    page,
    async talk(version, path, said) {
      [talks, requests] = [talks + 1, []];
      const options = { ...said.options, query: { talk: talks } };
      const result = await page.evaluate(converse, { version, path, origin: server.origin, ...said, options });
      return { ...result, requests };
    },
  };
}

/**
 * Runs in the page: says each thing, a list of numbers being bytes, as an event and again as a question; answers what it is
 * asked, and leaves once all came back and the upgrade, if wanted, is done.
 */
function converse({ version, origin, path, say, options, nsp = '/features', upgrades = false }) {
  return new Promise((resolve) => {
    const socket = window[`io${version}`](`${origin}${nsp}`, { path, forceNew: true, reconnection: false, ...options });
    const heard = [];
    const acked = [];
    const errors = [];
    let asked = null;
    let seen = null;
    const given = (each) => (typeof each === 'string' ? each : new Uint8Array(each).buffer);
    const told = (data) => {
      if (data instanceof ArrayBuffer) return Array.from(new Uint8Array(data));
      return ArrayBuffer.isView(data) ? Array.from(data) : data;
    };
    const end = (reason) => resolve({ heard, acked, asked, seen, errors, reason });
    const goOn = () => {
      if (heard.length < say.length || acked.length < say.length || !asked) return;
      const transport = socket.io.engine.transport.name;
      if (upgrades && transport !== 'websocket') return;
      socket.emit('transports-seen', (names) => {
        seen = names;
        socket.disconnect();
      });
    };
    socket.io.engine.on('upgrade', () => setTimeout(goOn));
    socket.on('connect', () => {
      for (const each of say) {
        socket.emit('echo', given(each));
        socket.emit('ack', given(each), (data) => { acked.push(told(data)); goOn(); });
      }
      socket.emit('ask', 'question', [1], 60_000);
    });
    socket.on('question', (n, ack) => ack(n + 1, new Uint8Array([n]).buffer));
    socket.on('ask-result', ({ ok, args }) => { asked = [ok, ...args.map(told)]; goOn(); });
    socket.on('echo-back', (data) => { heard.push(told(data)); goOn(); });
    // The second version calls a refusal `error`, and what the transport met `connect_error`.
    for (const name of ['connect_error', 'error']) {
      socket.on(name, (error) => { errors.push(error.message ?? error); end(null); });
    }
    socket.on('disconnect', end);
  });
}
