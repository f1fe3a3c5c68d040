import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { ClaimedJob } from '../../shared/jobs/claimed-job.js';
import { Attempt } from '../../workers/attempt.js';
import { createEventLoopTurns } from '../../workers/event-loop-turns.js';
import { RunningAttempts } from '../../workers/running-attempts.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const REST_AFTER_MS = 1_000;
const job = { id: 1, attempt: 1, timeoutMs: 60_000, lostCount: 0 } as ClaimedJob;
const attempt = () =>
  new Attempt(job, { db: { query: () => Promise.reject(new Error('unused')) }, workerId: 'w' });

test('a process is busy from before an attempt begins until none has run for a second', async () => {
  const running = new RunningAttempts();
  const said: [isBusy: boolean, running: number][] = [];
  const turns = createEventLoopTurns(running, 0, (isBusy) => said.push([isBusy, running.size]));
  await turns.start();
  jest.advanceTimersByTime(REST_AFTER_MS);
  expect(said.splice(0)).toEqual([
    [true, 0],
    [false, 0],
  ]);
  expect([turns.isBusy, jest.getTimerCount()]).toEqual([false, 0]);

  const first = attempt();
  running.add(first);
  expect(said.splice(0)).toEqual([[true, 0]]);
  jest.advanceTimersByTime(10 * REST_AFTER_MS);
  running.delete(first);
  jest.advanceTimersByTime(REST_AFTER_MS / 2);
  running.add(attempt());
  jest.advanceTimersByTime(10 * REST_AFTER_MS);
  expect([said, turns.isBusy]).toEqual([[], true]);
  await turns.stop();
  expect(said).toEqual([[false, 1]]);
});

test('a turn that comes late is remembered for a minute', async () => {
  const running = new RunningAttempts();
  const turns = createEventLoopTurns(running, 0, () => undefined);
  let aheadMs = 0;
  const now = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  await turns.start();
  running.add(attempt());
  jest.advanceTimersByTime(10_000);
  expect(turns.arePunctual).toBe(true);
  // As a handler does that computes for a second: time goes on, and no timer fires.
  aheadMs = 1_000;
  jest.advanceTimersByTime(50);
  expect(turns.arePunctual).toBe(false);
  jest.advanceTimersByTime(62_000);
  expect(turns.arePunctual).toBe(true);
  await turns.stop();
});
