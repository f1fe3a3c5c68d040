import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { TRANSITIONS } from '../../shared/jobs/job-state.js';
import { packageRoot } from '../../shared/package-root.js';

test('the diagram in docs/state-machine.md draws exactly the transitions of the code', async () => {
  const page = await readFile(join(packageRoot, 'docs/state-machine.md'), 'utf8');
  const drawn = [...page.matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(
    ([, from, to, name]) => `${name}: ${from} to ${to}`,
  );
  const coded = Object.entries(TRANSITIONS).flatMap(([name, { from, to }]) =>
    from.map((one) => `${name}: ${one} to ${to}`),
  );
  expect(drawn.sort()).toEqual(coded.sort());
});
