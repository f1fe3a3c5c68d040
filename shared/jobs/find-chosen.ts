import type { Database } from '../postgres/create-database.js';
import { choiceValues, matchesChoice, type JobChoice } from './job-choice.js';
import type { JobStatus } from './job-state.js';
import { readQueuesWithWork } from './read-ready.js';

export interface ChosenJob {
  readonly id: number;
  readonly uniqueKey: string | null;
}

/** Rows that one statement looks at, however few of them match: none takes long. */
const PAGE = 5_000;

interface Walked {
  readonly examined: number;
  readonly at: string | null;
  readonly id: number | null;
  readonly found: readonly ChosenJob[];
}

/**
 * One page of a walk along an index, in the order of (at, id), or of ids that fall: where it ended, and what of it matches. `rows` bounds the page
 * before anything is compared, so that a rare match costs many short statements and no long one; the limit is a sub-select so
 * that the planner, which would rather sort what it believes to be few, walks the index.
 */
const walkStatement = (rows: string, direction: 'ASC' | 'DESC' = 'ASC') => `
  SELECT count(*) AS examined, (array_agg(seen.at::text ORDER BY seen.place DESC))[1] AS at,
         (array_agg(seen.id ORDER BY seen.place DESC))[1] AS id,
         COALESCE(json_agg(json_build_object('id', seen.id, 'uniqueKey', seen.unique_key)
           ORDER BY seen.place) FILTER (WHERE ${matchesChoice('seen')}), '[]') AS found
    FROM (SELECT walked.*, row_number() OVER (ORDER BY walked.at, walked.id ${direction}) AS place FROM (${rows}) walked) seen`;

const COLUMNS = 'j.id, j.job_type, j.queue, j.created_by, j.tags, j.status, j.error_class, j.unique_key';
const IN_LANES = 'j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL';

/** A failed or cancelled job has an error class. $7 is the place to go on after. */
const WALK_FAILURES = walkStatement(`
  SELECT '' AS at, ${COLUMNS} FROM jobs j WHERE j.error_class IS NOT NULL AND j.id > $8::bigint AND $7::text IS NOT NULL
   ORDER BY j.id LIMIT (SELECT ${PAGE})`);

/** The newest first: those that wait for another one are mostly newer than that. */
const WALK_BLOCKED = walkStatement(
  `
  SELECT '' AS at, ${COLUMNS} FROM jobs j
   WHERE j.unmet_dependencies > 0 AND j.completed_at IS NULL AND j.id < $8::bigint AND $7::text IS NOT NULL
   ORDER BY j.id DESC LIMIT (SELECT ${PAGE})`,
  'DESC',
);

const WALK_SET_ASIDE = walkStatement(`
  SELECT j.job_type AS at, ${COLUMNS} FROM jobs j
   WHERE j.set_aside_at IS NOT NULL AND j.completed_at IS NULL AND j.unmet_dependencies = 0
     AND (j.job_type::text, j.id) > ($7::text, $8::bigint)
   ORDER BY j.job_type, j.id LIMIT (SELECT ${PAGE})`);

/** $9 queue, $10 priority. Running jobs stay in their lane until they finish. */
const WALK_LANE = walkStatement(`
  SELECT j.ready_at AS at, ${COLUMNS} FROM jobs j
   WHERE j.queue = $9 AND j.priority = $10 AND ${IN_LANES} AND (j.ready_at, j.id) > ($7::timestamptz, $8::bigint)
   ORDER BY j.ready_at, j.id LIMIT (SELECT ${PAGE})`);

/** $9 ids. */
const findIds = (beyond: '<' | '>', direction: 'ASC' | 'DESC') =>
  walkStatement(
    `
  SELECT '' AS at, ${COLUMNS} FROM jobs j
   WHERE j.id = ANY ($9::bigint[]) AND j.id ${beyond} $8::bigint AND $7::text IS NOT NULL
   ORDER BY j.id ${direction} LIMIT (SELECT ${PAGE})`,
    direction,
  );
const OLDEST_OF_IDS = findIds('>', 'ASC');
const NEWEST_OF_IDS = findIds('<', 'DESC');

/** One probe of jobs_unfinished a priority: an EXISTS would be made a join, and read all of it. */
const LIST_LANES = `
  SELECT lane.priority FROM generate_series(100, 0, -1) AS lane (priority) CROSS JOIN LATERAL (
    SELECT 1 FROM jobs j WHERE j.queue = $1 AND j.priority = lane.priority AND ${IN_LANES}
     ORDER BY j.ready_at, j.id LIMIT 1) head`;

/** The failed and cancelled jobs that a choice is about, a page at a time, in the order of their ids. @throws PostgresError */
export async function* findChosenFailures(
  db: Database,
  choice: JobChoice,
  statuses: readonly JobStatus[],
): AsyncGenerator<readonly ChosenJob[]> {
  const values = choiceValues(choice, statuses);
  if (choice.ids) yield* walk(db, OLDEST_OF_IDS, values, OLDEST, [choice.ids]);
  else yield* walk(db, WALK_FAILURES, values, OLDEST);
}

/**
 * The unfinished jobs that a choice is about, a page at a time: from the three partial indexes that hold them between them,
 * since among millions of finished jobs none leads to them by their ids.
 *
 * @throws PostgresError
 */
export async function* findChosenUnfinished(
  db: Database,
  choice: JobChoice,
  statuses: readonly JobStatus[],
): AsyncGenerator<readonly ChosenJob[]> {
  const values = choiceValues(choice, statuses);
  if (choice.ids) {
    yield* walk(db, NEWEST_OF_IDS, values, NEWEST, [choice.ids]);
    return;
  }
  // Children before parents: what a cancelled parent would cancel with it, or set free, is cancelled and counted already.
  yield* walk(db, WALK_BLOCKED, values, NEWEST);
  yield* walk(db, WALK_SET_ASIDE, values, OLDEST);
  const queues = choice.queue === undefined ? await readQueuesWithWork(db) : [choice.queue];
  for (const queue of queues) {
    const { rows: lanes } = await db.query<{ priority: number }>(LIST_LANES, [queue]);
    for (const { priority } of lanes) yield* walk(db, WALK_LANE, values, LANE_START, [queue, priority]);
  }
}

interface Place {
  readonly at: string;
  readonly id: number;
}

const OLDEST: Place = { at: '', id: 0 };
const NEWEST: Place = { at: '', id: Number.MAX_SAFE_INTEGER };
const LANE_START: Place = { at: '-infinity', id: 0 };

async function* walk(
  db: Database,
  statement: string,
  values: readonly unknown[],
  from: Place,
  further: readonly unknown[] = [],
): AsyncGenerator<readonly ChosenJob[]> {
  let place = from;
  for (;;) {
    const { rows } = await db.query<Walked>(statement, [...values, place.at, place.id, ...further]);
    const { examined, at, id, found } = rows[0]!;
    if (found.length > 0) yield found;
    if (examined < PAGE || at === null || id === null) return;
    place = { at, id };
  }
}
