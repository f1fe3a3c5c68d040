import { expect, test } from '@jest/globals';
import { AnnouncedRanges, type IdRange } from '../../workers/coordinator/announced-ranges.js';

async function announce(ranges: readonly IdRange[]) {
  const done: IdRange[] = [];
  let [working, most] = [0, 0];
  const announced = new AnnouncedRanges(async (range) => {
    most = Math.max(most, ++working);
    await new Promise((resolve) => setImmediate(resolve));
    working--;
    done.push(range);
  });
  for (const range of ranges) announced.add(range);
  const last = ranges.at(-1)!;
  while (!done.some(({ highest }) => highest >= last.highest))
    await new Promise((resolve) => setImmediate(resolve));
  return { done, most };
}

test('what one COMMIT announces, statement by statement, is one range', async () => {
  const ids = Array.from({ length: 100_000 }, (_, n) => ({ lowest: 2 * n + 1, highest: 2 * n + 1 }));
  expect(await announce(ids)).toEqual({ done: [{ lowest: 1, highest: 199_999 }], most: 1 });
});

test('ranges far from each other are worked on one after the other', async () => {
  const ranges = [1, 5_000, 90_000].map((lowest) => ({ lowest, highest: lowest + 10 }));
  expect(await announce(ranges)).toEqual({ done: ranges, most: 1 });
});
