// Starts one of the repository's programs and waits until it listens.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(REPOSITORY, 'target');

/** The frameworks the conformance server is hosted by in these tests. */
export const STACKS = (process.env.STACKS ?? 'axum,tower,warp').split(',');

const REFERENCE = fileURLToPath(new URL('../reference/socketio.mjs', import.meta.url));
const FREE_PORT = '127.0.0.1:0';

export const conformance = (...options) =>
  start(process.env.CONFORMANCE_SERVER ?? program('conformance'), ['--listen', FREE_PORT, ...options]);
/** Node's own socket.io behind the same contract, for proving a test right. */
export const reference = (...options) => start(process.execPath, [REFERENCE, '--listen', FREE_PORT, ...options]);
export const chat = (host) => start(process.env.CHAT_SERVER ?? program('example-chat'), ['--listen', FREE_PORT, '--host', host]);
export const notifier = () => start(process.env.NOTIFIER_SERVER ?? program('example-notifier'), [FREE_PORT]);
export const privateMessaging = () =>
  start(process.env.PRIVATE_MESSAGING_SERVER ?? program('example-private-messaging'), [FREE_PORT]);
export const upload = (delay = 0) => start(process.env.UPLOAD_SERVER ?? program('example-upload'), [FREE_PORT, String(delay)]);
export const multiplex = () => start(process.env.MULTIPLEX_SERVER ?? program('example-multiplex'), [FREE_PORT]);
export const rooms = (...options) => start(process.env.ROOMS_SERVER ?? program('example-rooms'), ['--listen', FREE_PORT, ...options]);
export const tls = () => start(process.env.TLS_SERVER ?? program('example-tls'), [FREE_PORT]);

function program(name) {
  return join(TARGET, 'debug', process.platform === 'win32' ? `${name}.exe` : name);
}

async function start(path, options) {
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build --workspace makes it`);
  const child = spawn(path, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  const address = await Promise.race([
    listeningAddress(child.stdout),
    exited.then(({ code, signal }) => { throw new Error(`${path} ended before it listened: ${code ?? signal}`); }),
  ]);
  return {
    address,
    port: Number(address.split(':').pop()),
    origin: `http://${address}`,
    exited,
    /** Asks it to drain and waits for its end. */
    stop() { child.kill('SIGTERM'); return exited; },
    /** Takes it away without a word. */
    kill() { child.kill('SIGKILL'); return exited; },
  };
}

async function listeningAddress(stdout) {
  const lines = createInterface({ input: stdout });
  for await (const line of lines) {
    const [, address] = /^listening on (\S+)$/.exec(line) ?? [];
    if (address) {
      stdout.resume(); // what it says later is not needed, but must not fill the pipe
      return address;
    }
  }
  throw new Error('the program closed its standard output before it listened');
}
