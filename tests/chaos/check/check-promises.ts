import { groupBy } from '../../../shared/group-by.js';
import type { Evidence } from './evidence.js';
import { violationsOf, type Violation } from './violation.js';

const FINISHED = ['completed', 'failed', 'cancelled'];
/** A job that is lost so often becomes a dead letter; many faults may hit the same one. */
const POISON_LOSSES = 5;

/** Accepted is durable: every acknowledged job is there, once, in one final state that fits. */
export function checkPromises(evidence: Evidence): Violation[] {
  const { promises, jobs } = evidence;
  const promised = [...promises.jobs.values()];
  const byRef = groupBy([...jobs.values()], ({ ref }) => ref);
  const byKey = groupBy(
    [...jobs.values()].filter(({ key }) => key !== null),
    ({ key }) => key,
  );
  const statusOf = (id: number) => jobs.get(id)?.status;
  return [
    ...violationsOf(
      'an acknowledged job is not in the table',
      promised.filter(({ id, ref }) => jobs.get(id)?.ref !== ref),
      ({ id, ref }) => `job ${id} (${ref})`,
    ),
    ...violationsOf(
      'a job has not finished',
      [...jobs.values()].filter(({ status }) => !FINISHED.includes(status)),
      ({ id, jobType, status }) => `job ${id} (${jobType}) is ${status}`,
    ),
    ...violationsOf(
      'a job ended otherwise than it should',
      promised.filter((job) => {
        const status = statusOf(job.id);
        if (!status || !FINISHED.includes(status) || job.mayEndAs.has(status)) return false;
        return !(job.isAskedAgain && status !== 'completed') && !isPoisoned(evidence, job.id);
      }),
      ({ id, jobType, mayEndAs }) =>
        `job ${id} (${jobType}) is ${statusOf(id)}, not ${[...mayEndAs].join(' or ')}`,
    ),
    ...violationsOf(
      'a job exists whose submit was rolled back or refused',
      [...promises.refused].filter((ref) => byRef.has(ref)),
      (ref) => ref,
    ),
    ...violationsOf(
      'a ref or an idempotency key has more than one job',
      [...byRef.values(), ...byKey.values()].filter((same) => same.length > 1),
      (same) => `jobs ${same.map(({ id }) => id).join(', ')}`,
    ),
  ];
}

/** Killed with its process five times: a dead letter is what should become of it. */
function isPoisoned({ executions }: Evidence, id: number): boolean {
  return (executions.get(id) ?? []).filter(({ status }) => status === 'lost').length >= POISON_LOSSES;
}
