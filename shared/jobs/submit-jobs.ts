import { hasCode, HoldfastError } from '../errors.js';
import type { Installation, JobDefaults } from '../installation.js';
import type { Database } from '../postgres/create-database.js';
import { outcomeUnknown } from '../postgres/outcome-unknown.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { assignJobs } from './assign-jobs.js';
import { dispatchJobs, dispatchReadyOf } from './dispatch-jobs.js';
import { findExisting, mayReplace, rememberKey, replaceWaiting, type ExistingJob } from './existing-job.js';
import { insertDependencies } from './insert-dependencies.js';
import { insertJobs, type InsertedJob, type InsertSettings } from './insert-jobs.js';
import { hasKey, hasParents, needsOwnStatement, type NewJob, type SubmittedJob } from './new-job.js';
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
  return jobs.some(needsOwnStatement) ? submitSpecial(installation, jobs) : submitPlain(installation, jobs);
}

/** The hot path: no keys, no parents, so that every job is new, and ready unless it is for later. */
async function submitPlain(installation: Installation, jobs: readonly NewJob[]): Promise<SubmittedJob[]> {
  const { events } = installation;
  const inserted = await assignOrInsert(installation, jobs).catch((error: unknown) => {
    throw describeFailure(error);
  });
  // A worker may be waiting for it; whoever counts can wait.
  void dispatchJobs(
    installation,
    inserted.filter((job) => job.isReady),
  );
  events.emit('submitted', jobs.map(describeSubmitted));
  return inserted.map(({ id, createdAt }) => ({ id, createdAt, isExisting: false, wasReplaced: false }));
}

const describeSubmitted = ({ jobType, queue = 'default' }: NewJob) => ({ jobType, queue });

async function submitSpecial(installation: Installation, jobs: readonly NewJob[]): Promise<SubmittedJob[]> {
  const { db, events, jobDefaults: defaults } = installation;
  const settings: InsertSettings = { isOwnCommit: true, isKeyed: jobs.some(hasKey), defaults };
  const inserted = await insertInTransaction(db, jobs, settings).catch((error: unknown) => {
    throw describeFailure(error);
  });
  const submitted = inserted.map(toSubmitted);
  events.emit(
    'submitted',
    jobs.filter((_job, index) => !submitted[index]?.isExisting).map(describeSubmitted),
  );
  const ready = inserted.filter((job) => job.isReady);
  // Whether parents were done already only the database knows. What this does not find, the polls and the sweep do.
  if (jobs.some(hasParents))
    void dispatchReadyOf(
      installation,
      ready.map(({ id }) => id),
    ).catch(() => undefined);
  else void dispatchJobs(installation, ready);
  return submitted;
}

/** Submits inside the caller's transaction: the jobs exist, and are announced, when that commits. */
export async function submitJobsIn(
  tx: QueryTarget,
  jobs: readonly NewJob[],
  defaults: JobDefaults = {},
): Promise<SubmittedJob[]> {
  if (jobs.length === 0) return [];
  const settings: InsertSettings = { isOwnCommit: false, isKeyed: jobs.some(hasKey), defaults };
  return (await insertWithEdges(tx, jobs, settings)).map(toSubmitted);
}

/** `isReady` of a job that was there already: it was replaced, and belongs in another lane. */
type InsertedOrExisting = InsertedJob | ExistingJob;

const toSubmitted = (job: InsertedOrExisting): SubmittedJob => ({
  id: job.id,
  createdAt: job.createdAt,
  isExisting: 'isExisting' in job,
  wasReplaced: 'wasReplaced' in job && job.wasReplaced,
});

/** Ids that were given to rows by hand may be in the way: each try gets further ones. */
async function assignOrInsert(installation: Installation, jobs: readonly NewJob[]): Promise<InsertedJob[]> {
  const assigned = await assignJobs(installation, jobs);
  if (assigned) return assigned;
  const { db, jobDefaults: defaults } = installation;
  const settings: InsertSettings = { isOwnCommit: true, isKeyed: false, defaults };
  for (let tries = 1; ; tries++) {
    try {
      return await insertJobs(db, jobs, settings);
    } catch (error) {
      if (!hasCode(error, 'busy') || tries === MOST_TRIES) throw error;
    }
  }
}

/** Somebody's open transaction has submitted the same key, or holds a parent: nobody else's submit may wait for a connection because of it. */
const MOST_LOCK_WAIT_MS = 1_000;
const MOST_LOCK_TRIES = 2;
const LOCK_NOT_AVAILABLE = '55P03';

/** A transaction that was rolled back for somebody else's lock stored nothing: it is simply done again. */
async function insertInTransaction(
  db: Database,
  jobs: readonly NewJob[],
  settings: InsertSettings,
): Promise<InsertedOrExisting[]> {
  for (let tries = 1; ; tries++) {
    try {
      const limits = { mostLockWaitMs: MOST_LOCK_WAIT_MS };
      return await db.transaction((tx) => insertWithEdges(tx, jobs, settings), limits);
    } catch (error) {
      if (!isWorthAnotherTry(error)) throw error;
      const isHeld = isPostgresError(error, 'lock_conflict') && error.sqlState === LOCK_NOT_AVAILABLE;
      if (tries >= (isHeld ? MOST_LOCK_TRIES : MOST_TRIES))
        throw new HoldfastError('busy', 'other submits hold the same jobs; try again', { cause: error });
    }
  }
}

/** `busy`: the next id was given to a row by hand. A twin of ours may be writing its key on the same job. */
const isWorthAnotherTry = (error: unknown): boolean =>
  isPostgresError(error, 'lock_conflict') ||
  hasCode(error, 'busy') ||
  (isPostgresError(error, 'constraint') && error.constraint === 'jobs_idempotency_key');

/** Jobs without keys share a statement; edges come after all of them, those of jobs that were there already not at all. */
async function insertWithEdges(
  tx: QueryTarget,
  jobs: readonly NewJob[],
  settings: InsertSettings,
): Promise<InsertedOrExisting[]> {
  const done = settings.isKeyed
    ? await insertOneByOne(tx, jobs, settings)
    : await insertJobs(tx, jobs, settings);
  const edges = done.flatMap((job, index) =>
    'isExisting' in job ? [] : [{ id: job.id, dependsOn: jobs[index]?.dependsOn }],
  );
  await insertDependencies(tx, edges);
  return done;
}

async function insertOneByOne(
  tx: QueryTarget,
  jobs: readonly NewJob[],
  settings: InsertSettings,
): Promise<InsertedOrExisting[]> {
  const done: InsertedOrExisting[] = [];
  for (const [index, job] of jobs.entries()) {
    const inserted = await insertWithKey(tx, job, settings).catch((error: unknown) => {
      const isToBeNamed = jobs.length > 1 && hasCode(error, 'validation_failed');
      throw isToBeNamed ? nameJob(error as HoldfastError, index) : error;
    });
    done.push(inserted);
  }
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
    if (existing && !mayReplace(job, existing)) {
      await rememberKey(tx, existing, job);
      return existing;
    }
    const replaced = existing && (await replaceWaiting(tx, existing, job));
    if (replaced) return replaced;
  }
  throw new HoldfastError('busy', 'other submits with the same key come and go; try again');
}

/** An INSERT without a key whose COMMIT is unknown is never repeated by us: the caller must know. */
function describeFailure(error: unknown): unknown {
  if (!isPostgresError(error, 'unavailable')) return error;
  const what = 'PostgreSQL is not reachable; nothing was stored. Try again';
  return (
    outcomeUnknown(error, 'the job may or may not be stored') ??
    new HoldfastError('postgres_unavailable', what, { cause: error })
  );
}
