// Pages in Chromium that speak Engine.IO.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
const script = (path) => readFileSync(require.resolve(path), 'utf8');

/** Both versions call themselves `eio`. */
const CLIENTS = `${script('engine.io-client/dist/engine.io.min.js')};
window.eio6 = window.eio;
${script('engine.io-client-3/engine.io.js')};
window.eio3 = window.eio;`;

/**
 * A page with the clients: of the server's origin or, with `scripts`, of another site.
 *
 * `talk` plays one conversation. Its `requests` are what the browser really asked the mount for meanwhile: one
 * `{kind, transport, jsonp}` each, preflights aside.
 */
export async function openPage(context, server, scripts) {
  const page = await context.newPage();
  let path = null;
  let requests = [];
  const note = (text, kind) => {
    const url = new URL(text);
    if (url.host !== server.address || url.pathname !== path) return;
    requests.push({ kind, transport: url.searchParams.get('transport'), jsonp: url.searchParams.has('j') });
  };
  page.on('request', (request) => note(request.url(), request.resourceType()));
  page.on('websocket', (socket) => note(socket.url(), 'websocket'));
  await page.goto(scripts ? scripts.page : `${server.origin}/healthz`);
  await page.addScriptTag({ content: CLIENTS });
  return {
    async talk(version, mount, said) {
      [path, requests] = [mount, []];
      const result = await page.evaluate(converse, { version, path, origin: server.origin.replace('http', 'ws'), ...said });
      return { ...result, requests };
    },
  };
}

/** Runs in the page: says each thing, a list being bytes, and leaves once all came back and the upgrade, if wanted, is done. */
function converse({ version, origin, path, say, options, upgrades = false }) {
  return new Promise((resolve) => {
    const socket = window[`eio${version}`](origin, { path, ...options });
    const heard = [];
    const errors = [];
    let isUpgraded = false;
    socket.binaryType = 'arraybuffer';
    const goOn = () => { if (heard.length === say.length && isUpgraded === upgrades) socket.close(); };
    socket.on('open', () => { for (const each of say) socket.send(typeof each === 'string' ? each : new Uint8Array(each).buffer); });
    // Not at once: the client says so before it is done, and a close would wait for another upgrade.
    socket.on('upgrade', () => { isUpgraded = true; queueMicrotask(goOn); });
    // Version 6 hands on nothing at all where a text is empty.
    socket.on('message', (data = '') => {
      heard.push(typeof data === 'string' ? data : Array.from(new Uint8Array(data)));
      goOn();
    });
    socket.on('error', (error) => errors.push(error.message));
    socket.on('close', (reason) => resolve({ heard, errors, reason, isUpgraded }));
  });
}
