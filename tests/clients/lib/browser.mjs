// Headless Chromium, and pages in it that speak SockJS.

import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { once } from 'node:events';

import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);

export const CLIENT_SCRIPT = readFileSync(require.resolve('sockjs-client/dist/sockjs.min.js'), 'utf8');

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];

/** Chromium as the system has it: playwright's own download is never needed. */
export function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? CANDIDATES.find(existsSync);
  if (!executablePath) throw new Error('no Chromium found: install the package chromium, or set CHROMIUM to its path');
  return chromium.launch({
    executablePath,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
}

/**
 * Serves the client script, and a page that loads it, on a port of its own.
 *
 * The page is asked for as `localhost` while the servers under test are `127.0.0.1`: another origin and another site.
 */
export async function serveScripts() {
  const server = createServer((request, response) => {
    const [type, body] = {
      '/sockjs.min.js': ['text/javascript', CLIENT_SCRIPT],
      '/page': ['text/html', '<!doctype html><title>A page from elsewhere</title><body><script src="/sockjs.min.js"></script>'],
    }[request.url] ?? [];
    response.writeHead(body ? 200 : 404, { 'content-type': `${type ?? 'text/plain'}; charset=utf-8` });
    response.end(body);
  });
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  return {
    script: `http://127.0.0.1:${port}/sockjs.min.js`,
    page: `http://localhost:${port}/page`,
    close() { server.closeAllConnections(); server.close(); },
  };
}

/**
 * A page with the client, and a record of what it asked the server for.
 *
 * `requests` has one `{path, inFrame}` per request below the mount: proof of the transport that is independent of what the
 * client says about itself. A WebSocket counts as the path it was opened at.
 */
export async function openPage(context, server, { sameOrigin, scripts }) {
  const page = await context.newPage();
  const requests = [];
  const note = (url, frame) => {
    const { host, pathname } = new URL(url);
    if (host === server.address) requests.push({ path: pathname, inFrame: frame !== null && frame !== page.mainFrame() });
  };
  page.on('request', (request) => note(request.url(), request.isNavigationRequest() ? null : request.frame()));
  page.on('websocket', (socket) => note(socket.url(), null));

  if (sameOrigin) {
    // An ordinary route of the host app, for its origin's sake.
    await page.goto(`${server.origin}/healthz`);
    await page.addScriptTag({ content: CLIENT_SCRIPT });
  } else {
    await page.goto(scripts.page);
  }
  await page.evaluate(defineTalk);
  return { page, requests };
}

/** Runs in the page: `talk(url, options)` plays one conversation and tells how it went. */
function defineTalk() {
  window.talk = (url, { transports, say = [], inTurn = false, leave = true }) => new Promise((resolve) => {
    // The client gives a transport a few hundred milliseconds by default. A busy machine may need longer.
    const socket = new SockJS(url, null, { transports, timeout: 60_000 });
    const heard = [];
    let transport = null;
    // All at once, or each when the one before it has come back.
    const goOn = () => {
      if (leave && heard.length === say.length) socket.close();
      else if (inTurn) socket.send(say[heard.length]);
    };
    socket.onopen = () => {
      transport = socket.transport;
      if (!inTurn) for (const text of say) socket.send(text);
      goOn();
    };
    socket.onmessage = ({ data }) => {
      heard.push(data);
      goOn();
    };
    socket.onclose = ({ code, reason, wasClean }) => resolve({ transport, heard, close: { code, reason, wasClean } });
  });
}
