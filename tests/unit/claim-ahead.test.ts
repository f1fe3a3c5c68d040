import { expect, test } from '@jest/globals';
import { ClaimAhead } from '../../workers/claim-ahead.js';

let now = 0;
const started = () => {
  now = 0;
  return new ClaimAhead(3, () => now);
};
/** So many jobs of so many milliseconds end in each millisecond of a tenth of a second. */
function work(ahead: ClaimAhead, perMs: number, durationMs: number): void {
  for (let ms = 0; ms < 100; ms++) {
    now++;
    for (let job = 0; job < perMs; job++) ahead.noteEnd(durationMs);
  }
}

test('nothing is claimed ahead before a job has ended', () => {
  const ahead = started();
  ahead.noteClaim(5);
  now += 1_000;
  expect(ahead.count(100)).toBe(0);
});

test('as many as end during the linger and a claim', () => {
  const ahead = started();
  for (let claim = 0; claim < 100; claim++) ahead.noteClaim(2);
  work(ahead, 10, 10);
  // 10 a millisecond, for 3 + 2 of them.
  expect(ahead.count(100)).toBe(49);
});

test('long jobs that ended together do not make more long jobs wait', () => {
  const ahead = started();
  for (let job = 0; job < 100; job++) ahead.noteEnd(10_000);
  now = 100;
  expect(ahead.count(100)).toBe(0);
});

test('short jobs beside long ones count by what they are', () => {
  const ahead = started();
  work(ahead, 1, 1);
  // One a millisecond, although 100 jobs hold slots and the mean is short.
  expect(ahead.count(100)).toBe(3);
});

test('what ended long ago does not count', () => {
  const ahead = started();
  work(ahead, 10, 10);
  now += 60_000;
  ahead.count(100);
  now += 100;
  expect(ahead.count(100)).toBe(0);
});

test('a claim that was held up for long says little', () => {
  const ahead = started();
  work(ahead, 10, 10);
  ahead.noteClaim(60_000);
  expect(ahead.count(100)).toBe(130);
});
