import { describe, expect, test } from '@jest/globals';
import { findPostgresFolder, findRedisProgram } from '../../servers/find-binaries.js';
import { runChaos } from './run-chaos.js';
import { runBroken } from './seeded-bugs/prove-checker.js';
import { SEEDED_BUGS } from './seeded-bugs/seeded-bugs.js';

/** The short form of `npm run chaos`; the long one, and what it found, is in docs/reliability.md. */
const hasServers = findPostgresFolder() !== null && findRedisProgram() !== null;

(hasServers ? describe : describe.skip)('under faults', () => {
  test('nothing is lost and nothing is recorded twice', async () => {
    const report = await runChaos({ seed: 11, minutes: 0.35, faultEveryMs: 2_000, load: 1, workers: 3 });
    expect(report.violations).toEqual([]);
    expect(report.faults).toBeGreaterThan(5);
    expect(report.jobs).toBeGreaterThan(1_000);
  }, 240_000);

  test.each(SEEDED_BUGS)(
    'the checker finds $name',
    async (bug) => {
      const { violations } = await runBroken(bug);
      expect(violations.map(({ promise }) => promise)).toContainEqual(expect.stringMatching(bug.mustBreak));
    },
    120_000,
  );
});
