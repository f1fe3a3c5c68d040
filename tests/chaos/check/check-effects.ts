import { groupBy } from '../../../shared/group-by.js';
import type { Effect } from '../world/ledger.js';
import type { Evidence } from './evidence.js';
import { violationsOf, type Violation } from './violation.js';

/** At least once, and you can tell: what handlers did is held against what is on record. */
export function checkEffects(evidence: Evidence): Violation[] {
  const { jobs, executions, effects, transactionalEffects, promises } = evidence;
  const all = [...effects.values()].flat();
  const recordOf = ({ jobId, attempt }: Pick<Effect, 'jobId' | 'attempt'>) =>
    executions.get(jobId)?.find((execution) => execution.attempt === attempt);
  const describe = (effect: Effect) => {
    const { jobId, attempt, pid, ref } = effect;
    const record = recordOf(effect);
    const onRecord = record ? `${record.status} by process ${record.pid}` : 'not on record';
    return `job ${jobId} (${ref}) attempt ${attempt} ran in process ${pid}: ${onRecord}`;
  };
  const wrong = (promise: string, isWrong: (effect: Effect) => boolean) =>
    violationsOf(promise, all.filter(isWrong), describe);
  const timesRun = groupBy(all, ({ jobId, attempt }) => `${jobId}:${attempt}`);
  const completed = [...jobs.values()].filter(
    ({ jobType, status }) => jobType === 'transactional' && status === 'completed',
  );
  const rowsOf = groupBy(transactionalEffects, ({ jobId }) => jobId);
  return [
    ...wrong('an effect has no attempt on record', (effect) => recordOf(effect) === undefined),
    ...wrong(
      'an attempt is on record for another worker than the one that ran it',
      (effect) => (recordOf(effect)?.pid ?? effect.pid) !== effect.pid,
    ),
    ...wrong(
      'an attempt ran more than once',
      (effect) => timesRun.get(`${effect.jobId}:${effect.attempt}`)?.[0] !== effect,
    ),
    ...wrong('a job ran whose submit was rolled back or refused', ({ ref }) => promises.refused.has(ref)),
    ...violationsOf(
      'a job is completed that never ran',
      [...jobs.values()].filter(({ id, status }) => status === 'completed' && !effects.has(id)),
      ({ id, jobType }) => `job ${id} (${jobType})`,
    ),
    ...violationsOf(
      'a job that completes in its own transaction has not exactly one row of it',
      completed.filter(({ id }) => rowsOf.get(id)?.length !== 1),
      ({ id }) => `job ${id}: ${rowsOf.get(id)?.length ?? 0} rows`,
    ),
    ...violationsOf(
      'a row was left by a transaction of an attempt that did not complete',
      transactionalEffects.filter((row) => recordOf(row)?.status !== 'completed'),
      ({ jobId, attempt }) => `job ${jobId} attempt ${attempt}`,
    ),
  ];
}
