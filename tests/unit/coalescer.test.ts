import { expect, test } from '@jest/globals';
import { Coalescer, type Spacing } from '../../shared/coalescer.js';
import { eventually } from '../support/eventually.js';

const UNTIL_ITS_END = { enough: 3, ms: 60_000, endsWithBatch: true };

/** Batches that end when they are told to. */
function createBatches(spacing: Spacing) {
  const batches: { readonly calls: readonly string[]; end(): void }[] = [];
  const coalescer = new Coalescer<string>(
    (calls) => new Promise<void>((resolve) => batches.push({ calls, end: resolve })),
    { maxBatch: 10, maxInFlight: 2, spacing },
  );
  return {
    add: (...calls: string[]) => calls.forEach((call) => coalescer.add(call)),
    begun: (count: number) => eventually(`${count} batches have begun`, () => batches.length >= count),
    calls: () => batches.map(({ calls }) => calls),
    end: (index: number) => batches[index]!.end(),
  };
}

test('few calls wait for the batch under way, and go together when it ends', async () => {
  const { add, begun, calls, end } = createBatches(UNTIL_ITS_END);
  add('a');
  await begun(1);
  add('b', 'c');
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls()).toEqual([['a']]);
  end(0);
  await begun(2);
  expect(calls()).toEqual([['a'], ['b', 'c']]);
});

test('many calls do not wait for it', async () => {
  const { add, begun, calls } = createBatches(UNTIL_ITS_END);
  add('a');
  await begun(1);
  add('b');
  add('c', 'd');
  await begun(2);
  expect(calls()).toEqual([['a'], ['b', 'c', 'd']]);
});

test('nobody waits for ever for one that is held up', async () => {
  const { add, begun, calls } = createBatches({ ...UNTIL_ITS_END, ms: 20 });
  add('a');
  await begun(1);
  add('b');
  await begun(2);
  expect(calls()).toEqual([['a'], ['b']]);
});
