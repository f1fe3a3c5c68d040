import { describe, expect, test } from '@jest/globals';
import { UnseenIds } from '../../shared/jobs/unseen-ids.js';

const pairsOf = ({ bounds: { lowest, highest } }: UnseenIds) => lowest.map((id, i) => [id, highest[i]]);

describe('ids that were given out and not seen', () => {
  test('are those between the rows that are there', () => {
    const unseen = new UnseenIds(10);
    unseen.extend(20, 0);
    expect(pairsOf(unseen)).toEqual([[11, 20]]);
    unseen.see([20, 11, 15, 16]);
    expect(pairsOf(unseen)).toEqual([
      [12, 14],
      [17, 19],
    ]);
    unseen.extend(21, 1);
    unseen.see([12, 13, 14, 18, 21]);
    expect(pairsOf(unseen)).toEqual([
      [17, 17],
      [19, 19],
    ]);
    unseen.see([17, 19]);
    expect(unseen.isEmpty).toBe(true);
  });

  test('are none while the sequence stands still', () => {
    const unseen = new UnseenIds(10);
    unseen.extend(10, 0);
    expect(unseen.isEmpty).toBe(true);
  });

  test('are given up after a minute, and the oldest of more than a thousand gaps at once', () => {
    const unseen = new UnseenIds(0);
    unseen.extend(1, 0);
    unseen.extend(2, 30_000);
    unseen.forget(59_999);
    expect(pairsOf(unseen)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    unseen.forget(60_000);
    expect(pairsOf(unseen)).toEqual([[2, 2]]);
    for (let id = 3; id <= 1_500; id++) unseen.extend(id, 60_000);
    unseen.forget(60_000);
    expect(pairsOf(unseen)).toHaveLength(1_000);
    expect(pairsOf(unseen)[0]).toEqual([501, 501]);
  });
});
