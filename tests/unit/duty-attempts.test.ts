import { beforeEach, expect, test } from '@jest/globals';
import { silentLogger, type LogFields } from '../../shared/observe/logger.js';
import { createAttempts, type AttemptAll } from '../../workers/coordinator/duty-loop.js';

const ROUND_MS = 3_000;

let lines: { level: string; message: string; fields: LogFields | undefined }[];
let nowMs: number;
let attemptAll: AttemptAll;
beforeEach(() => {
  lines = [];
  nowMs = 0;
  const keep = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const logger = { ...silentLogger, info: keep('info'), warn: keep('warn') };
  attemptAll = createAttempts({ logger, lanes: null }, 'a sweep', () => nowMs);
});

/** A round of three parts, of which these fail, each with its reason. */
async function round(failing: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const done: string[] = [];
  await attemptAll(async (attempt) => {
    for (const part of ['a', 'b', 'c'])
      await attempt(part, async () => {
        if (failing[part] !== undefined) throw new Error(failing[part]);
        done.push(part);
      });
  });
  nowMs += ROUND_MS;
  return done;
}

test('a part that fails keeps no other from being done, and one line tells of all that failed', async () => {
  expect(await round({ a: 'away', b: 'away' })).toEqual(['c']);
  expect(lines).toEqual([
    {
      level: 'warn',
      message: 'coordinator: parts of a sweep failed, will be tried again',
      fields: { parts: ['a', 'b'], count: 2, error: 'away' },
    },
  ]);
});

test('what goes on failing alike is told once in five minutes', async () => {
  for (let n = 0; n < 200; n++) await round({ a: 'away' });
  expect(lines).toHaveLength(2);
});

test('another reason, another part and the end of it are told at once', async () => {
  for (const failing of [{ a: 'away' }, { a: 'full' }, { a: 'full', b: 'full' }, {}, {}, { a: 'full' }])
    await round(failing);
  expect(lines.map(({ level, fields }) => [level, fields?.error, fields?.count])).toEqual([
    ['warn', 'away', 1],
    ['warn', 'full', 1],
    ['warn', 'full', 2],
    ['info', undefined, undefined],
    ['warn', 'full', 1],
  ]);
});
