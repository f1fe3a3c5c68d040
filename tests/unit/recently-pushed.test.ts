import { expect, test } from '@jest/globals';
import { RecentlyPushed } from '../../workers/coordinator/recently-pushed.js';

test('a job is remembered for the time it was pushed for, and as long as it should be', () => {
  const pushed = new RecentlyPushed(4_000);
  pushed.beginRound(1_000);
  pushed.add(7, 'noon');
  expect([pushed.has(7, 'noon'), pushed.has(7, 'one'), pushed.has(8, 'noon')]).toEqual([true, false, false]);
  pushed.beginRound(5_000);
  expect(pushed.has(7, 'noon')).toBe(true);
  pushed.beginRound(5_001);
  expect(pushed.has(7, 'noon')).toBe(false);
});

test('a burst is forgotten in parts, all of it in the end', () => {
  const pushed = new RecentlyPushed(4_000);
  pushed.beginRound(0);
  for (let id = 1; id <= 300_000; id++) pushed.add(id, 'noon');
  const known = () => {
    let count = 0;
    for (let id = 1; id <= 300_000; id++) if (pushed.has(id, 'noon')) count++;
    return count;
  };
  pushed.beginRound(5_000);
  expect(known()).toBe(280_000);
  for (let round = 1; round <= 20; round++) pushed.beginRound(5_000 + round);
  expect(known()).toBe(0);
});
