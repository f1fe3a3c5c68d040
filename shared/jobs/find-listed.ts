import type { JobStatus } from './job-state.js';

/** Which jobs a list shows; what is left out does not matter. */
export interface JobFilter {
  readonly status?: JobStatus | undefined;
  readonly jobType?: string | undefined;
  readonly queue?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly tag?: string | undefined;
}

export type ListOrder = 'newest' | 'oldest';

/**
 * $1 job type, $2 queue, $3 created_by, $4 tag, $5 status, $6 cursor (an id), $7 limit, $8 offset. The planner sees the
 * values: what is null vanishes from the plan, and the tag can use its index.
 */
const MATCHES = `($1::text IS NULL OR j.job_type = $1) AND ($2::text IS NULL OR j.queue = $2)
  AND ($3::text IS NULL OR j.created_by = $3) AND ($4::text IS NULL OR j.tags @> ARRAY[$4::text])
  AND ($5::job_status IS NULL OR j.status = $5::job_status)`;

const READY_SIDE = 'j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL';

/** By entries of claim_batches, and by the front of the lanes, where a person's own running rows would be. */
const RUNNING_IDS = `SELECT owned.id FROM claim_batches b CROSS JOIN LATERAL unnest(b.job_ids) AS owned (id)
  UNION SELECT front.id FROM (SELECT j.id, j.status FROM jobs j WHERE ${READY_SIDE}
    ORDER BY j.queue, j.priority DESC, j.ready_at, j.id LIMIT 20000) front WHERE front.status = 'running'`;

/**
 * What makes each status cheap to find among millions of finished jobs, though no index names the status (a claim would
 * not be HOT then): its conditions are those of the partial indexes. Branches exclude one another.
 */
const BRANCHES = {
  any: ['true'],
  failure: ['j.error_class IS NOT NULL'],
  pending: [
    READY_SIDE,
    'j.completed_at IS NULL AND j.unmet_dependencies > 0',
    'j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NOT NULL',
  ],
  running: [`j.id = ANY (ARRAY(${RUNNING_IDS}))`],
} as const;

type Way = keyof typeof BRANCHES;

const WAY_OF: Readonly<Record<JobStatus, Way>> = {
  pending: 'pending',
  running: 'running',
  completed: 'any',
  failed: 'failure',
  cancelled: 'failure',
};

function statementFor(way: Way, order: ListOrder): string {
  const [beyond, direction] = order === 'newest' ? ['<', 'DESC'] : ['>', 'ASC'];
  const branches = BRANCHES[way].map(
    (condition) => `(SELECT j.id FROM jobs j
      WHERE ${condition} AND ${MATCHES} AND ($6::bigint IS NULL OR j.id ${beyond} $6)
      ORDER BY j.id ${direction} LIMIT $7::bigint + $8::bigint)`,
  );
  return `SELECT id FROM (${branches.join(' UNION ALL ')}) AS found ORDER BY id ${direction} LIMIT $7 OFFSET $8`;
}

const WAYS = Object.keys(BRANCHES) as Way[];
const STATEMENTS = new Map(
  WAYS.flatMap((way) =>
    (['newest', 'oldest'] as const).map((order) => [`${way} ${order}`, statementFor(way, order)] as const),
  ),
);

/** The text that finds a page of ids, for `findListedValues`. All texts are made once, of constants. */
export function findListedStatement({ status }: JobFilter, order: ListOrder): string {
  return STATEMENTS.get(`${status ? WAY_OF[status] : 'any'} ${order}`) as string;
}

/**
 * The text to ask the planner how many there are. By the status alone: to the planner "pending" and "not completed" are
 * two independent conditions, and it would multiply them.
 */
export const estimateListedStatement = (): string =>
  `EXPLAIN (FORMAT JSON) ${findListedStatement({}, 'newest')}`;

export interface PageBounds {
  readonly cursor?: number | undefined;
  readonly limit: number;
  readonly offset: number;
}

export function findListedValues(filter: JobFilter, { cursor, limit, offset }: PageBounds): unknown[] {
  const { jobType, queue, createdBy, tag, status } = filter;
  return [jobType, queue, createdBy, tag, status, cursor, limit, offset].map((value) => value ?? null);
}
