import { expect, test } from '@jest/globals';
import { ProcessingList } from '../../workers/processing-list.js';

test('a processing list forgets what is answered in the order in which it came', () => {
  const list = new ProcessingList();
  const [a, b, c] = [[1, 2], [3], [4, 5, 6]];
  for (const ids of [a, b, c]) list.add(ids);
  expect(list.answer(b)).toBe(true);
  expect([list.oldest, list.forgetAnswered()]).toEqual(['1', 0]);
  expect(list.answer(a)).toBe(true);
  expect(list.forgetAnswered()).toBe(3);
  expect([list.oldest, list.forgetAnswered()]).toEqual(['4', 0]);
  list.answer(c);
  expect([list.forgetAnswered(), list.oldest]).toEqual([3, '']);
});

test('a processing list knows nothing of ids that came otherwise, of none, and of what it was told to drop', () => {
  const list = new ProcessingList();
  const ids = [1];
  list.add([]);
  list.add(ids);
  expect(list.answer([1])).toBe(false);
  list.clear();
  expect(list.answer(ids)).toBe(false);
  expect([list.forgetAnswered(), list.oldest]).toEqual([0, '']);
});
