import type { Installation } from '../installation.js';
import { messageOf } from '../errors.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { changeMany, type BulkChange, type BulkOptions } from './change-many.js';
import { dispatchReadyOf } from './dispatch-jobs.js';
import { findChosenFailures, type ChosenJob } from './find-chosen.js';
import { choiceValues, matchesChoice, type JobChoice } from './job-choice.js';
import { RETRY_ASSIGNMENTS } from './retry-job.js';

export const RETRYABLE = ['failed', 'cancelled'] as const;

/** Which failed and cancelled jobs. */
export interface RetryChoice extends JobChoice {
  readonly status?: (typeof RETRYABLE)[number] | undefined;
}

export interface RetryOptions extends BulkOptions {
  /** Who asks, for the dead letters that are closed. */
  readonly by?: string | null | undefined;
}

/** $1 to $6 the choice, $7 ids, $8 who asks. In the order of the ids; what somebody else holds is left out. */
const RETRY_MANY = `
  WITH candidate AS MATERIALIZED (
    SELECT j.id FROM jobs j WHERE j.id = ANY ($7::bigint[]) AND ${matchesChoice('j')}
       AND ${lockTimeout('300ms')}
     ORDER BY j.id FOR NO KEY UPDATE SKIP LOCKED
  ), retried AS (
    UPDATE jobs SET ${RETRY_ASSIGNMENTS} WHERE id = ANY (ARRAY(SELECT id FROM candidate)) RETURNING id
  ), closed AS (
    UPDATE dead_letter_jobs SET status = 'replayed', reviewed_at = now(), reviewed_by = $8, replayed_job_id = job_id
     WHERE status = 'open' AND job_id = ANY (ARRAY(SELECT id FROM retried))
  )
  SELECT id FROM retried ORDER BY id`;

/** A job whose unique key an unfinished job has cannot run again before that one has finished. */
const FIND_TAKEN = `
  SELECT j.id FROM jobs j JOIN jobs o ON o.unique_key = j.unique_key AND o.completed_at IS NULL
   WHERE j.id = ANY ($1::bigint[])`;

const STILL_MATCH = `
  SELECT 1 FROM jobs j WHERE j.id = ANY ($7::bigint[]) AND ${matchesChoice('j')}
     AND (j.unique_key IS NULL
          OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.unique_key = j.unique_key AND o.completed_at IS NULL))
   LIMIT 1`;

/**
 * Runs failed and cancelled jobs again, oldest first: as `retryJob` does, many at a time. Left out are jobs whose unique key
 * an unfinished job has; of several with the same one, the oldest runs.
 *
 * @throws PostgresError: what was done by then stays done
 */
export async function retryMany(
  installation: Installation,
  choice: RetryChoice,
  { by = null, ...options }: RetryOptions = {},
): Promise<BulkChange> {
  const { db, logger } = installation;
  const values = choiceValues(choice, RETRYABLE);
  return changeMany(
    {
      pages: withFreeKeys(installation, findChosenFailures(db, choice, RETRYABLE)),
      change: async (ids) => {
        const { rows } = await db.query<{ id: number }>(RETRY_MANY, [...values, ids, by]);
        const retried = rows.map(({ id }) => id);
        // It is committed: the promoter finds what is not dispatched here.
        await dispatchReadyOf(installation, retried).catch((error: unknown) =>
          logger.warn('retried jobs were not dispatched; the promoter will do it', {
            error: messageOf(error),
          }),
        );
        return retried;
      },
      stillMatch: async (ids) => (await db.query(STILL_MATCH, [...values, ids])).rows.length > 0,
    },
    options,
  );
}

async function* withFreeKeys(
  { db }: Installation,
  pages: AsyncIterable<readonly ChosenJob[]>,
): AsyncGenerator<readonly ChosenJob[]> {
  const seen = new Set<string>();
  for await (const page of pages) {
    const keyed = page.filter(({ uniqueKey }) => uniqueKey !== null).map(({ id }) => id);
    const taken =
      keyed.length > 0
        ? new Set((await db.query<{ id: number }>(FIND_TAKEN, [keyed])).rows.map(({ id }) => id))
        : new Set<number>();
    const free = page.filter(({ id, uniqueKey }) => {
      if (uniqueKey === null) return true;
      const isFree = !taken.has(id) && !seen.has(uniqueKey);
      seen.add(uniqueKey);
      return isFree;
    });
    if (free.length > 0) yield free;
  }
}
