// A test that hangs is a failure with a name, not a run that never ends.

import { it } from 'node:test';

export const test = (name, run) => it(name, { timeout: 120_000 }, run);
