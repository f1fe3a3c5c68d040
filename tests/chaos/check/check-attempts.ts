import type { Evidence, ExecutionEvidence, JobEvidence } from './evidence.js';
import { violationsOf, type Violation } from './violation.js';

/** How the last attempt on record ends a job. A job may also end between attempts, when somebody cancels it. */
const FITTING: Readonly<Record<string, readonly ExecutionEvidence['status'][]>> = {
  completed: ['completed'],
  failed: ['failed', 'timed_out', 'lost'],
};

/** Attempts are on record without gaps, and agree with the row. That there is one row for each is the table's own key. */
export function checkAttempts({ jobs, executions, promises }: Evidence): Violation[] {
  const isAskedAgain = new Set(
    [...promises.jobs.values()].filter((job) => job.isAskedAgain).map(({ id }) => id),
  );
  const all = [...jobs.values()].map((job) => ({ job, attempts: executions.get(job.id) ?? [] }));
  const describe = ({ job, attempts }: { job: JobEvidence; attempts: readonly ExecutionEvidence[] }) =>
    `job ${job.id} (${job.jobType}, ${job.status}, attempt ${job.attempt}): ${attempts
      .map(({ attempt, status, workerId }) => `${attempt} ${status} by ${workerId}`)
      .join(', ')}`;
  const wrong = (promise: string, isWrong: (one: (typeof all)[number]) => boolean) =>
    violationsOf(promise, all.filter(isWrong), describe);
  return [
    ...wrong(
      'attempts have gaps, or are not all on record',
      ({ job, attempts }) =>
        attempts.length !== job.attempt || attempts.some(({ attempt }, index) => attempt !== index + 1),
    ),
    ...wrong('the last attempt does not fit the final state', ({ job, attempts }) => {
      const fitting = FITTING[job.status];
      return fitting !== undefined && !fitting.includes(attempts.at(-1)?.status ?? 'released');
    }),
    ...wrong(
      'an attempt came after one that was recorded as completed or cancelled',
      ({ job, attempts }) =>
        !isAskedAgain.has(job.id) &&
        attempts.slice(0, -1).some(({ status }) => status === 'completed' || status === 'cancelled'),
    ),
  ];
}
