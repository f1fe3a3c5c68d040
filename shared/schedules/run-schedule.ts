import type { Installation } from '../installation.js';
import { dispatchJobs, type DispatchableJob } from '../jobs/dispatch-jobs.js';
import { outcomeUnknown } from '../postgres/outcome-unknown.js';
import { explainBusy, noSuchSchedule } from './schedule-errors.js';
import { beginWriting } from './store-schedule.js';

/** The function does it, for SQL too; here nobody needs to be told by NOTIFY. */
const RUN_SCHEDULE = `
  SELECT run_schedule($1, COALESCE($2, 3), COALESCE($3, 300000)) AS id
    FROM (SELECT set_config('holdfast.dispatched_by', 'submitter', true) OFFSET 0) AS announced`;

const READ_RUN = `
  SELECT j.id, j.queue, j.priority, j.job_type AS "jobType", j.created_at AS "firedAt" FROM jobs j WHERE j.id = $1`;

interface RunJob extends DispatchableJob {
  readonly jobType: string;
  readonly firedAt: Date;
}

/**
 * Submits a schedule's job now, besides its fire times: also when it is disabled or its last job still runs.
 *
 * @returns the job's id
 * @throws HoldfastError `not_found`, `busy`, `outcome_unknown`; PostgresError
 */
export async function runSchedule(installation: Installation, name: string): Promise<number> {
  const { db, events, jobDefaults } = installation;
  const job = await db
    .transaction(async (tx) => {
      await beginWriting(tx);
      const values = [name, jobDefaults.maxRetries ?? null, jobDefaults.timeoutMs ?? null];
      const { rows } = await tx.query(RUN_SCHEDULE, values);
      const { id } = (rows as { id: number | null }[])[0]!;
      if (id === null) throw noSuchSchedule(name);
      return ((await tx.query(READ_RUN, [id])).rows as RunJob[])[0] as RunJob;
    })
    .catch((error: unknown) => {
      throw outcomeUnknown(error, 'the job may or may not be submitted') ?? explainBusy(name, error);
    });
  const { id, queue, jobType, firedAt } = job;
  events.emit('submitted', [{ jobType, queue }]);
  events.emit('scheduleFired', [{ schedule: name, jobId: id, fireAt: firedAt, outcome: 'fired' }]);
  void dispatchJobs(installation, [job]);
  return id;
}
