import { expect, test } from '@jest/globals';
import { createJobMeasurer } from '../../../shared/jobs/measure-jobs.js';
import type { Database } from '../../../shared/postgres/create-database.js';

/** A database that answers every question with zeros, and a clock that each of them moves on. */
function pretend(tookMs: number) {
  const clock = { nowMs: 0 };
  let measured = 0;
  const query = async (text: string) => {
    clock.nowMs += tookMs;
    if (text.includes('dlqEstimate')) measured++;
    return { rows: text.includes('GROUP BY') || text.includes('FROM workers') ? [] : [{}], rowCount: 1 };
  };
  const measurer = createJobMeasurer({ query } as unknown as Database, () => clock.nowMs);
  return { clock, measurer, count: () => measured };
}

test('measures are kept for five seconds, and shared by everybody who asks meanwhile', async () => {
  const { clock, measurer, count } = pretend(0);
  const [one, two] = await Promise.all([measurer.read(), measurer.read()]);
  expect(two).toBe(one);
  clock.nowMs += 4_999;
  expect(await measurer.read()).toBe(one);
  clock.nowMs += 1;
  expect(await measurer.read()).not.toBe(one);
  expect(count()).toBe(2);
});

test('dear measures are kept for twenty times what they took', async () => {
  const { clock, measurer, count } = pretend(100);
  await measurer.read();
  const tookMs = clock.nowMs;
  expect(tookMs).toBeGreaterThanOrEqual(500);
  clock.nowMs += 20 * tookMs - 1;
  await measurer.read(0);
  expect(count()).toBe(1);
  clock.nowMs += 1;
  await measurer.read(0);
  expect(count()).toBe(2);
});
