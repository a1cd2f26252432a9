// A test that hangs is a failure with a name, not a run that never ends.

import { it } from 'node:test';

export const test = (name, run) => it(name, { timeout: 120_000 }, run);

/** Asks over and over until it is so, as nobody tells. */
export async function eventually(holds) {
  const end = Date.now() + 30_000;
  while (!await holds()) {
    if (Date.now() > end) throw new Error(`it never came to be that ${holds}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
