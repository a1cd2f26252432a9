// A TCP proxy that lets everything through but WebSockets, which wait until the gate is opened: a test so has the time to talk
// by polling first, on a machine of any speed.

import { connect, createServer } from 'node:net';
import { once } from 'node:events';

export async function gate(port) {
  const ends = new Set();
  const waiting = [];
  let isOpen = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [end, other] of [[near, far], [far, near]]) {
      ends.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => { ends.delete(end); other.destroy(); });
    }
    far.on('data', (bytes) => near.write(bytes));
    near.on('end', () => far.end());
    near.on('data', (bytes) => {
      const isHeld = !isOpen && (near.isHeld || /\r\nupgrade: websocket\r\n/i.test(bytes.toString('latin1')));
      if (!isHeld) return far.write(bytes);
      near.isHeld = true;
      return waiting.push(() => far.write(bytes));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** Whether a WebSocket is at the gate. */
    get isWanted() { return waiting.length > 0; },
    open() {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    close() { for (const end of ends) end.destroy(); server.close(); },
  };
}
