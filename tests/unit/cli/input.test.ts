import { describe, expect, test } from '@jest/globals';
import { apiPath, queryString } from '../../../cli/client/api-path.js';
import { readEvents } from '../../../cli/client/read-events.js';
import { chunked } from '../../../cli/commands/submit/chunk-lines.js';
import { numberOrText, readDuration } from '../../../cli/input/option-values.js';

describe('durations', () => {
  test.each([
    ['0', 0],
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
  ])('%s', (text, milliseconds) => expect(readDuration(text)).toBe(milliseconds));

  test.each(['', 'soon', '-1s', '5 weeks', '1h30m', '99999999999999999d'])('%j is none', (text) => {
    expect(() => readDuration(text)).toThrow('must be a duration');
  });

  test.each(['5', '1.5', '60000'])('%s has no unit: that is asked for, not guessed', (text) => {
    expect(() => readDuration(text)).toThrow(
      `It has no unit, and could mean anything: say ${text}ms, ${text}s,`,
    );
  });
});

test('a number goes as one, and what is none as it is, so that the API can name it', () => {
  expect(['80', '-3', '1.5', 'high', '', '0x10', '1e3'].map(numberOrText)).toEqual([
    80,
    -3,
    1.5,
    'high',
    '',
    '0x10',
    '1e3',
  ]);
});

test('what people give is a part of the address, never a change of it', () => {
  expect(apiPath`/api/queues/${'a/../b?c=d#e'}/pause`).toBe('/api/queues/a%2F..%2Fb%3Fc%3Dd%23e/pause');
  for (const name of ['', '.', '..']) expect(() => apiPath`/api/queues/${name}`).toThrow('is no id or name');
  expect(queryString({ a: undefined, b: 'x&y', c: false })).toBe('?b=x%26y&c=false');
  expect(queryString({ a: undefined })).toBe('');
});

async function* streamOf<Item>(items: readonly Item[], error?: Error): AsyncGenerator<Item, void> {
  yield* items;
  if (error) throw error;
}
async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

test('events are read however the bytes are cut, until the connection breaks', async () => {
  const text =
    'retry: 1000\n\n: still here\n\nevent: logs\nid: 1\ndata: {"text":"é: ü"}\n\nevent: status\nid: 2\ndata: {}\n\nevent: cut';
  for (const size of [1, 3, 1_000]) {
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.subarray(n * size, (n + 1) * size),
    );
    expect(await all(readEvents(streamOf(chunks, new Error('reset'))))).toEqual([
      { event: 'logs', id: '1', data: { text: 'é: ü' } },
      { event: 'status', id: '2', data: {} },
    ]);
  }
});

describe('chunks', () => {
  const lines = (count: number, payload = '') =>
    Array.from({ length: count }, (_, index) => ({ line: index + 1, job: { payload } }));
  const sizes = async (items: ReturnType<typeof lines>) =>
    (await all(chunked(streamOf(items)))).map(({ jobs, lines: [first] }) => [jobs.length, first]);

  test('are of a thousand jobs, the last one smaller', async () => {
    expect(await sizes(lines(2_500))).toEqual([
      [1_000, 1],
      [1_000, 1_001],
      [500, 2_001],
    ]);
    expect(await sizes([])).toEqual([]);
  });

  test('or of as many as fit into a request', async () => {
    expect(await sizes(lines(5, 'x'.repeat(3 * 1_048_576)))).toEqual([
      [2, 1],
      [2, 3],
      [1, 5],
    ]);
    expect(await sizes(lines(2, 'x'.repeat(9 * 1_048_576)))).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });
});
