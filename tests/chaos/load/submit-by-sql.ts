import { isPostgresError } from '../../../shared/postgres/postgres-error.js';
import { draftJob } from './mix.js';
import { repeat, type Submitter, type SubmitterContext } from './submitter.js';

class RolledBack extends Error {}

/**
 * Submits as any language would: by `submit_job` and plain INSERT, inside a transaction with rows of its own. A third of
 * the transactions is rolled back; jobs of those must never be.
 */
export function submitBySql(context: SubmitterContext, everyMs: number): Submitter {
  const { world, promises, random } = context;
  return repeat(everyMs, async () => {
    const drafts = Array.from({ length: 5 }, () => draftJob(promises.nextRef(), random));
    const isKept = random.next() < 2 / 3;
    const ids: number[] = [];
    try {
      await world.db.transaction(async (tx) => {
        for (const { jobType, payload, priority, maxRetries = 3 } of drafts) {
          const statement = random.pick([
            'INSERT INTO jobs (job_type, payload, priority, max_retries) VALUES ($1, $2, $3, $4) RETURNING id',
            'SELECT submit_job($1, $2, priority => $3, max_retries => $4) AS id',
          ]);
          const { rows } = await tx.query(statement, [jobType, payload, priority, maxRetries]);
          ids.push((rows[0] as { id: number }).id);
        }
        if (!isKept) throw new RolledBack();
      });
      drafts.forEach(({ payload, jobType }, index) =>
        promises.keep(ids[index] as number, payload.ref, jobType),
      );
    } catch (error) {
      if (error instanceof RolledBack) for (const { payload } of drafts) promises.refused.add(payload.ref);
      // The connection broke: whether it was committed nobody knows.
      else if (!isPostgresError(error)) throw error;
    }
  });
}
