import { describe, expect, test } from '@jest/globals';
import { runChecks, within } from '../../../shared/diagnosis/check.js';
import { judgeClock } from '../../../shared/diagnosis/clock.js';
import { ok, spokenSize, spokenTime } from '../../../shared/diagnosis/finding.js';
import {
  judgeDurability,
  judgeVersion,
  type PostgresServer,
} from '../../../shared/diagnosis/postgres-server.js';

const GOOD: PostgresServer = {
  version: '16.4',
  majorVersion: 16,
  isStandby: false,
  fsync: 'on',
  synchronousCommit: 'on',
  fullPageWrites: 'on',
  hasSynchronousStandby: false,
};

describe('versions of PostgreSQL', () => {
  test.each([
    [13, 'problem'],
    [14, 'ok'],
    [18, 'ok'],
    [19, 'warning'],
  ])('%i: %s', (majorVersion, level) => {
    expect(judgeVersion({ ...GOOD, version: `${majorVersion}.1`, majorVersion })).toMatchObject([{ level }]);
  });

  test('a standby is a problem', () => {
    expect(judgeVersion({ ...GOOD, isStandby: true })).toMatchObject([{ level: 'ok' }, { level: 'problem' }]);
  });
});

describe('settings that decide what a crash takes along', () => {
  test.each<[Partial<PostgresServer>, string]>([
    [{}, 'ok'],
    [{ fsync: 'off' }, 'problem'],
    [{ fullPageWrites: 'off' }, 'problem'],
    [{ synchronousCommit: 'off' }, 'problem'],
    [{ synchronousCommit: 'local' }, 'ok'],
    [{ synchronousCommit: 'local', hasSynchronousStandby: true }, 'warning'],
    [{ synchronousCommit: 'remote_apply', hasSynchronousStandby: true }, 'ok'],
  ])('%j: %s', (settings, level) => {
    expect(judgeDurability({ ...GOOD, ...settings })).toMatchObject([{ level }]);
  });

  test('each is told by itself', () => {
    const worst = { ...GOOD, fsync: 'off', fullPageWrites: 'off', synchronousCommit: 'off' };
    expect(judgeDurability(worst)).toHaveLength(3);
  });
});

describe('clocks', () => {
  const reading = (askedAt: number, theirs: number, answeredAt: number) => ({ askedAt, theirs, answeredAt });

  test('a slow answer is no proof of a difference; the quickest decides', () => {
    expect(judgeClock('Redis', [reading(0, 2_900, 4_000)])).toMatchObject([{ level: 'ok' }]);
    expect(judgeClock('Redis', [reading(0, 2_900, 4_000), reading(0, 2_900, 10)])).toMatchObject([
      { level: 'warning', what: "the clock of Redis is 3 s ahead of this host's" },
    ]);
  });

  test('a second is tolerated, in both directions', () => {
    expect(judgeClock('Redis', [reading(10_000, 11_001, 10_002)])).toMatchObject([{ level: 'ok' }]);
    expect(judgeClock('Redis', [reading(10_000, 8_900, 10_002)])).toMatchObject([
      { level: 'warning', what: expect.stringContaining('behind') },
    ]);
  });
});

describe('checks', () => {
  const later = () => performance.now() + 60_000;

  test('one that fails is a finding, and keeps none of the others from running', async () => {
    const found = await runChecks(
      [
        {
          name: 'broken',
          run: () => {
            throw new Error('permission denied');
          },
        },
        { name: 'sound', run: () => [ok('fine')] },
      ],
      later(),
    );
    expect(found).toMatchObject([
      { check: 'broken', level: 'warning', what: expect.stringContaining('permission denied') },
      { check: 'sound', level: 'ok', what: 'fine' },
    ]);
  });

  test('one that does not end is given up; after the deadline none is begun', async () => {
    let wasRun = false;
    const run = () => {
      wasRun = true;
      return [ok('fine')];
    };
    const found = await runChecks([{ name: 'late', run }], performance.now() - 1);
    expect({ found, wasRun }).toMatchObject({ found: [{ check: 'late', level: 'warning' }], wasRun: false });
    await expect(within(1, new Promise(() => undefined))).rejects.toThrow('no answer within 1 ms');
  });
});

test('times and sizes are told as people say them', () => {
  expect([850, 12_000, 420_000, 10_800_000, 259_200_000].map(spokenTime)).toEqual([
    '850 ms',
    '12 s',
    '7 min',
    '3 h',
    '3 days',
  ]);
  expect([900, 1_536, 2 * 1_024 ** 3].map(spokenSize)).toEqual(['900 bytes', '1.5 kB', '2.0 GB']);
});
