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
      // What a fault meets is chance, more so on a busy machine: the bug must show in one of three runs.
      const found: string[] = [];
      for (let seed = 1; seed <= 3 && !found.some((promise) => bug.mustBreak.test(promise)); seed++)
        found.push(...(await runBroken(bug, seed)).violations.map(({ promise }) => promise));
      expect(found).toContainEqual(expect.stringMatching(bug.mustBreak));
    },
    360_000,
  );
});
