// A TCP proxy that lets everything through but WebSockets, with which it deals in one bad way or another.

import { connect, createServer } from 'node:net';
import { once } from 'node:events';

/** What may become of an upgrade. */
export const FATES = ['refused', 'cut after the handshake', 'unheard', 'unanswered'];

export async function badRoad(port, fate) {
  const ends = new Set();
  let upgrades = 0;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [end, other] of [[near, far], [far, near]]) {
      ends.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => { ends.delete(end); other.destroy(); });
    }
    let isUpgrade = false;
    let hasAnswer = false;
    near.on('data', (bytes) => {
      if (!isUpgrade && /\r\nupgrade: websocket\r\n/i.test(bytes.toString('latin1'))) {
        isUpgrade = true;
        upgrades += 1;
        if (fate === 'refused') return near.destroy();
      }
      if (isUpgrade && hasAnswer && fate === 'cut after the handshake') return near.destroy();
      if (isUpgrade && hasAnswer && fate === 'unheard') return undefined;
      return far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (isUpgrade && hasAnswer && fate === 'unanswered') return;
      hasAnswer ||= isUpgrade;
      near.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    get upgrades() { return upgrades; },
    close() { for (const end of ends) end.destroy(); server.close(); },
  };
}
