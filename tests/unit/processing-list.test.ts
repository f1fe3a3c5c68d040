import { expect, test } from '@jest/globals';
import { ProcessingList } from '../../workers/processing-list.js';

test('a processing list forgets what is answered in the order in which it came', () => {
  const list = new ProcessingList();
  const [a, b, c] = [[1, 2], [3], [4, 5, 6]];
  for (const ids of [a, b, c]) list.add(ids);
  expect(list.answer(b)).toBe(true);
  expect([list.oldest, list.forgetAnswered()]).toEqual(['1', { count: 0, last: '' }]);
  expect(list.answer(a)).toBe(true);
  expect(list.forgetAnswered()).toEqual({ count: 3, last: '3' });
  expect([list.oldest, list.forgetAnswered()]).toEqual(['4', { count: 0, last: '' }]);
  list.answer(c);
  expect([list.forgetAnswered(), list.oldest]).toEqual([{ count: 3, last: '6' }, '']);
});

test('a processing list knows nothing of ids that came otherwise, of none, and of what it was told to drop', () => {
  const list = new ProcessingList();
  const ids = [1];
  list.add([]);
  list.add(ids);
  expect(list.answer([1])).toBe(false);
  list.clear();
  expect(list.answer(ids)).toBe(false);
  expect([list.forgetAnswered(), list.oldest]).toEqual([{ count: 0, last: '' }, '']);
});

test('garbage in a processing list goes with the ids that it came with, or by itself', () => {
  const list = new ProcessingList();
  const ids = [7];
  list.add(ids, ['7', 'a word']);
  list.add([], ['1,2']);
  expect(list.forgetAnswered()).toEqual({ count: 0, last: '' });
  list.answer(ids);
  expect(list.forgetAnswered()).toEqual({ count: 3, last: '1,2' });
});
