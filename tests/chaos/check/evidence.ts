import { groupBy } from '../../../shared/group-by.js';
import type { JobStatus } from '../../../shared/jobs/job-state.js';
import type { Promises } from '../load/promises.js';
import { readLedger, type Effect } from '../world/ledger.js';
import type { World } from '../world/world.js';

export interface JobEvidence {
  readonly id: number;
  readonly ref: string;
  readonly jobType: string;
  readonly status: JobStatus;
  readonly attempt: number;
  readonly errorClass: string | null;
  readonly key: string | null;
}

export interface ExecutionEvidence {
  readonly jobId: number;
  readonly attempt: number;
  readonly status: 'completed' | 'failed' | 'timed_out' | 'cancelled' | 'lost' | 'released';
  readonly workerId: string;
  /** Of the worker, while its row is there. */
  readonly pid: number | null;
  readonly errorMessage: string | null;
  /** Milliseconds since 1970, by the database's clock. */
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Everything the checker looks at: what was promised, what the tables say, what the handlers did. */
export interface Evidence {
  readonly promises: Promises;
  readonly jobs: ReadonlyMap<number, JobEvidence>;
  /** Of each job, by attempt. */
  readonly executions: ReadonlyMap<number, readonly ExecutionEvidence[]>;
  readonly effects: ReadonlyMap<number, readonly Effect[]>;
  readonly transactionalEffects: readonly { readonly jobId: number; readonly attempt: number }[];
}

const JOBS = `
  SELECT id, concat_ws(' at ', payload ->> 'ref', metadata ->> 'fire_at') AS ref, job_type AS "jobType", status, attempt, error_class AS "errorClass",
         idempotency_key AS key FROM jobs`;
const EXECUTIONS = `
  SELECT e.job_id AS "jobId", e.attempt, e.status, e.worker_id AS "workerId", w.pid, e.error_message AS "errorMessage",
         date_part('epoch', e.started_at) * 1000 AS "startedAt", date_part('epoch', e.finished_at) * 1000 AS "finishedAt"
    FROM job_executions e LEFT JOIN workers w ON w.id = e.worker_id ORDER BY e.job_id, e.attempt`;

export async function gatherEvidence({ db, ledgerPath }: World, promises: Promises): Promise<Evidence> {
  const { rows: jobs } = await db.query<JobEvidence>(JOBS);
  const { rows: executions } = await db.query<ExecutionEvidence>(EXECUTIONS);
  const { rows: transactionalEffects } = await db.query<{ jobId: number; attempt: number }>(
    'SELECT job_id AS "jobId", attempt FROM chaos_effects',
  );
  return {
    promises,
    jobs: new Map(jobs.map((job) => [job.id, job])),
    executions: groupBy(executions, ({ jobId }) => jobId),
    effects: groupBy(await readLedger(ledgerPath), ({ jobId }) => jobId),
    transactionalEffects,
  };
}
