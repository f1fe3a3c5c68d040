import { hasCode, HoldfastError } from '../errors.js';
import type { Database } from '../postgres/create-database.js';
import {
  estimateListedStatement,
  findListedStatement,
  findListedValues,
  type JobFilter,
  type ListOrder,
  type PageBounds,
} from './find-listed.js';
import type { JobState } from './job-state.js';
import type { JobRow } from './read-job.js';
import { shortJson } from '../postgres/short-json.js';
import { readWithin } from './read-within.js';
import { SHOWN_IDEMPOTENCY_KEY } from './shown-idempotency-key.js';

export interface ListRequest extends PageBounds {
  readonly filter: JobFilter;
  readonly order: ListOrder;
}

/** A job in a list. Large payloads, results and metadata stay out of it; the job itself has them. */
export interface ListedJob extends JobRow {
  readonly state: JobState;
  readonly reason: string;
  readonly is_payload_omitted: boolean;
  readonly is_result_omitted: boolean;
  readonly is_metadata_omitted: boolean;
}

export interface JobPage {
  readonly jobs: readonly ListedJob[];
  readonly total: number;
  /** False: more than COUNT_LIMIT, or too costly to count; `total` is the planner's estimate. */
  readonly isTotalExact: boolean;
  readonly hasMore: boolean;
  /** The last id of the page: the cursor of the next one. */
  readonly nextCursor: number | null;
}

const PAGE_MS = 5_000;
const COUNT_MS = 500;
const COUNT_LIMIT = 10_000;

const LISTED_COLUMNS = `j.id, j.queue, j.job_type, j.status, j.priority, ${shortJson('payload', 'j.')},
  ${shortJson('result', 'j.')}, ${shortJson('metadata', 'j.')},
  j.error_message, j.error_class, j.attempt, j.retry_count, j.max_retries, j.timeout_ms, j.lost_count,
  j.unmet_dependencies, j.progress, j.scheduled_at, j.released_at, j.ready_at, j.started_at, j.completed_at, j.created_at,
  j.updated_at, j.created_by, j.worker_id, j.tags, j.unique_key, ${SHOWN_IDEMPOTENCY_KEY}, e.state, e.reason`;
const READ_LISTED = `
  SELECT ${LISTED_COLUMNS} FROM jobs j CROSS JOIN LATERAL explain_job(j) e WHERE j.id = ANY ($1::bigint[])`;

/**
 * A page of jobs, in the order of their submission.
 *
 * @throws HoldfastError `timeout` when the filters leave too much to look through; PostgresError
 */
export async function listJobs(db: Database, request: ListRequest): Promise<JobPage> {
  const ids = await findPage(db, request);
  const hasMore = ids.length > request.limit;
  const shown = ids.slice(0, request.limit);
  const [rows, total] = await Promise.all([
    db.query<ListedJob>(READ_LISTED, [shown]),
    countAll(db, request, shown.length, hasMore),
  ]);
  const byId = new Map(rows.rows.map((job) => [job.id, job]));
  return {
    // One that was deleted between the two statements is left out.
    jobs: shown.flatMap((id) => byId.get(id) ?? []),
    ...total,
    hasMore,
    nextCursor: hasMore ? (shown.at(-1) ?? null) : null,
  };
}

/** One more than asked for, which tells whether there is more. */
async function findPage(db: Database, { filter, order, ...bounds }: ListRequest): Promise<number[]> {
  const values = findListedValues(filter, { ...bounds, limit: bounds.limit + 1 });
  try {
    const rows = await readWithin<{ id: number }>(db, PAGE_MS, findListedStatement(filter, order), values);
    return rows.map(({ id }) => id);
  } catch (error) {
    if (!hasCode(error, 'timeout')) throw error;
    const what = `the list was not found within ${PAGE_MS} ms: filter by status or tag, or use the cursor instead of a large offset`;
    throw new HoldfastError('timeout', what, { cause: error });
  }
}

interface Total {
  readonly total: number;
  readonly isTotalExact: boolean;
}

async function countAll(
  db: Database,
  { filter, order, cursor, offset }: ListRequest,
  shown: number,
  hasMore: boolean,
): Promise<Total> {
  const isLastPage = !hasMore && cursor === undefined && (shown > 0 || offset === 0);
  if (isLastPage) return { total: offset + shown, isTotalExact: true };
  const statement = findListedStatement(filter, order);
  const values = findListedValues(filter, { limit: COUNT_LIMIT + 1, offset: 0 });
  const counted = await readWithin<{ count: number }>(
    db,
    COUNT_MS,
    `SELECT count(*) AS count FROM (${statement}) AS counted`,
    values,
  ).catch((error: unknown) => {
    if (hasCode(error, 'timeout')) return [];
    throw error;
  });
  const count = counted[0]?.count;
  if (count !== undefined && count <= COUNT_LIMIT) return { total: count, isTotalExact: true };
  const { rows } = await db.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(estimateListedStatement(), values);
  const estimate = estimateRows(rows[0]?.['QUERY PLAN'][0].Plan);
  return { total: Math.max(estimate, count ?? 0, offset + shown), isTotalExact: false };
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Plan Rows': number;
  readonly Plans?: readonly PlanNode[];
}

/** Nodes that pass on what is below them; a Limit would hide how much there is. */
const PASSING = new Set(['Limit', 'Sort', 'Subquery Scan']);

function estimateRows(node: PlanNode | undefined): number {
  if (!node) return 0;
  return PASSING.has(node['Node Type']) ? estimateRows(node.Plans?.[0]) : node['Plan Rows'];
}
