import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createEventHub } from '../../../shared/observe/events.js';
import { createMetrics } from '../../../shared/observe/metrics.js';
import { packageRoot } from '../../../shared/package-root.js';

test('docs/metrics.md has each metric with its type, and none that is not there', async () => {
  const metrics = createMetrics({ events: createEventHub() });
  metrics.readDepthsFrom(() => Promise.reject(new Error('away')));
  const text = await metrics.text();
  metrics.close();
  const exported = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
    .map(([, name = '', type = '']) => `${name}: ${type}`)
    .filter((one) => !/^(process|nodejs)_/.test(one));
  const page = readFileSync(join(packageRoot, 'docs', 'metrics.md'), 'utf8');
  const told = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(
    ([, name = '', type = '']) => `${name}: ${type}`,
  );
  expect(exported.length).toBeGreaterThan(25);
  expect(told).toEqual(expect.arrayContaining(exported));
  expect(told.filter((one) => !exported.includes(one))).toEqual([]);
});
