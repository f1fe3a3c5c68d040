import { hasCode, HoldfastError } from '../errors.js';
import type { Installation, JobDefaults } from '../installation.js';
import type { Database } from '../postgres/create-database.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { dispatchJobs } from './dispatch-jobs.js';
import { insertDependencies } from './insert-dependencies.js';
import { insertJobs, type InsertedJob, type InsertSettings } from './insert-jobs.js';
import { hashRequest, needsOwnStatement, type NewJob, type SubmittedJob } from './new-job.js';
import { nameJob } from './refuse-job.js';

/**
 * Submits jobs: all of them or none. When this resolves they are committed, and ready ones are on their way to a worker.
 *
 * @throws HoldfastError `validation_failed`, `idempotency_key_reused`, `postgres_unavailable` (nothing was stored), `busy`, or
 *   `outcome_unknown` (the connection broke around COMMIT: look, or submit again with an idempotency key)
 */
export async function submitJobs(
  installation: Installation,
  jobs: readonly NewJob[],
): Promise<SubmittedJob[]> {
  if (jobs.length === 0) return [];
  const { db, events } = installation;
  const isKeyed = jobs.some(needsOwnStatement);
  const settings: InsertSettings = { isOwnCommit: true, isKeyed, defaults: installation.jobDefaults };
  const inserted = await (isKeyed ? insertKeyed(db, jobs, settings) : insertPlain(db, jobs, settings)).catch(
    (error: unknown) => {
      throw describeFailure(error);
    },
  );
  events.emit(
    'submitted',
    jobs
      .filter((_job, index) => !toSubmitted(inserted[index]!).isExisting)
      .map(({ jobType, queue = 'default' }) => ({ jobType, queue })),
  );
  void dispatchJobs(
    installation,
    inserted.filter((job) => job.isReady && !('isExisting' in job)),
  );
  return inserted.map(toSubmitted);
}

/** Submits inside the caller's transaction: the jobs exist, and are announced, when that commits. */
export async function submitJobsIn(
  tx: QueryTarget,
  jobs: readonly NewJob[],
  defaults: JobDefaults = {},
): Promise<SubmittedJob[]> {
  if (jobs.length === 0) return [];
  const isKeyed = jobs.some(needsOwnStatement);
  const settings: InsertSettings = { isOwnCommit: false, isKeyed, defaults };
  const inserted = isKeyed ? await insertOneByOne(tx, jobs, settings) : await insertJobs(tx, jobs, settings);
  return inserted.map(toSubmitted);
}

type InsertedOrExisting = InsertedJob | (InsertedJob & { readonly isExisting: true });

const toSubmitted = (job: InsertedOrExisting): SubmittedJob => ({
  id: job.id,
  createdAt: job.createdAt,
  isExisting: 'isExisting' in job,
});

/** Ids that were given to rows by hand may be in the way: each try gets further ones. */
async function insertPlain(
  db: Database,
  jobs: readonly NewJob[],
  settings: InsertSettings,
): Promise<InsertedJob[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await insertJobs(db, jobs, settings);
    } catch (error) {
      if (!hasCode(error, 'busy') || tries === MOST_TRIES) throw error;
    }
  }
}

/** A transaction that was rolled back for somebody else's lock stored nothing: it is simply done again. */
async function insertKeyed(
  db: Database,
  jobs: readonly NewJob[],
  settings: InsertSettings,
): Promise<InsertedOrExisting[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction((tx) => insertOneByOne(tx, jobs, settings));
    } catch (error) {
      if (!isPostgresError(error, 'lock_conflict')) throw error;
      if (tries === MOST_TRIES)
        throw new HoldfastError('busy', 'other submits hold the same jobs; try again', { cause: error });
    }
  }
}

async function insertOneByOne(
  tx: QueryTarget,
  jobs: readonly NewJob[],
  settings: InsertSettings,
): Promise<InsertedOrExisting[]> {
  const done: InsertedOrExisting[] = [];
  const edges = [];
  for (const [index, job] of jobs.entries()) {
    const inserted = await insertWithKey(tx, job, settings).catch((error: unknown) => {
      const isToBeNamed = jobs.length > 1 && hasCode(error, 'validation_failed');
      throw isToBeNamed ? nameJob(error as HoldfastError, index) : error;
    });
    done.push(inserted);
    if (!('isExisting' in inserted)) edges.push({ id: inserted.id, dependsOn: job.dependsOn });
  }
  // Whether parents were done already only the database knows; the push is a hint, and the claim decides.
  await insertDependencies(tx, edges);
  return done;
}

/** A twin that finishes, or is rolled back, between our INSERT and our look makes us try again; not for ever. */
const MOST_TRIES = 5;

async function insertWithKey(
  tx: QueryTarget,
  job: NewJob,
  settings: InsertSettings,
): Promise<InsertedOrExisting> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const [inserted] = await insertJobs(tx, [job], settings);
    if (inserted) return inserted;
    const existing = await findExisting(tx, job);
    if (existing) return existing;
  }
  throw new HoldfastError('busy', 'other submits with the same key come and go; try again');
}

const FIND_EXISTING = `
  SELECT id, created_at AS "createdAt", queue, priority, request_hash AS "requestHash",
         idempotency_key IS NOT DISTINCT FROM $1 AND $1 IS NOT NULL AS "sameIdempotencyKey"
    FROM jobs WHERE idempotency_key = $1 OR (unique_key = $2 AND completed_at IS NULL)
   ORDER BY "sameIdempotencyKey" DESC LIMIT 1`;

async function findExisting(tx: QueryTarget, job: NewJob): Promise<InsertedOrExisting | undefined> {
  const { rows } = await tx.query(FIND_EXISTING, [job.idempotencyKey ?? null, job.uniqueKey ?? null]);
  const existing = rows[0] as
    (InsertedJob & { requestHash: string; sameIdempotencyKey: boolean }) | undefined;
  if (!existing) return undefined;
  if (existing.sameIdempotencyKey && existing.requestHash !== hashRequest(job)) {
    throw new HoldfastError(
      'idempotency_key_reused',
      `this idempotency key belongs to another request (job ${existing.id}); use a new key for a new job`,
    );
  }
  return { ...existing, id: Number(existing.id), isReady: false, isExisting: true };
}

/** An INSERT without a key whose COMMIT is unknown is never repeated by us: the caller must know. */
function describeFailure(error: unknown): unknown {
  if (!isPostgresError(error, 'unavailable')) return error;
  return error.wasSent
    ? new HoldfastError(
        'outcome_unknown',
        'the connection to PostgreSQL broke during the submit: the job may or may not be stored',
        { cause: error },
      )
    : new HoldfastError(
        'postgres_unavailable',
        'PostgreSQL is not reachable; nothing was stored. Try again',
        { cause: error },
      );
}
