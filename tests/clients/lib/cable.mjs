// A TCP proxy that can be pulled out and put back: how a page meets a network that comes and goes.

import { connect, createServer } from 'node:net';
import { once } from 'node:events';

export async function layCable(port) {
  const ends = new Set();
  let isPlugged = true;
  const server = createServer((near) => {
    if (!isPlugged) return near.destroy();
    const far = connect(port, '127.0.0.1');
    for (const [end, other] of [[near, far], [far, near]]) {
      ends.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => { ends.delete(end); other.destroy(); });
      end.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    unplug() { isPlugged = false; for (const end of ends) end.destroy(); },
    plug() { isPlugged = true; },
    close() { this.unplug(); server.close(); },
  };
}
