import { expect, test } from '@jest/globals';
import type { ClaimedJob } from '../../shared/jobs/claimed-job.js';
import { SUSPECT_AFTER_LOSSES } from '../../shared/jobs/job-state.js';
import { RunningAttempts } from '../../workers/running-attempts.js';

const jobOf = (id: number, lostCount = 0) => ({ id, attempt: 1, lostCount }) as ClaimedJob;

test('a suspect counts from its claim on: no other one is claimed while it waits for its slot', () => {
  const running = new RunningAttempts();
  const suspect = jobOf(1, SUSPECT_AFTER_LOSSES);
  running.expect(suspect);
  expect({ has: running.hasSuspect, runs: running.runsSuspect }).toEqual({ has: true, runs: false });
  expect(running.takeExpected(suspect)).toBe(true);
  expect(running.hasSuspect).toBe(false);
});

test('what is expected begins once at most, and not after it was dropped by its id', () => {
  const running = new RunningAttempts();
  const [job, other] = [jobOf(7), jobOf(8)];
  running.expect(job);
  running.expect(other);
  expect(running.jobs()).toEqual([job, other]);
  expect([running.takeExpected(job), running.takeExpected(job)]).toEqual([true, false]);
  expect(running.dropExpected({ id: 8, attempt: 2 })).toBe(false);
  expect(running.dropExpected({ id: 8, attempt: 1 })).toBe(true);
  expect(running.takeExpected(other)).toBe(false);
  expect(running.jobs()).toEqual([]);
});

test('closed, nothing is expected any more, and nothing will be', () => {
  const running = new RunningAttempts();
  const [before, after] = [jobOf(1, SUSPECT_AFTER_LOSSES), jobOf(2)];
  running.expect(before);
  running.close();
  running.expect(after);
  expect([running.takeExpected(before), running.takeExpected(after), running.hasSuspect]).toEqual([
    false,
    false,
    false,
  ]);
});
