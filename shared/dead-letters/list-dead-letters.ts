import { shortJson } from '../postgres/short-json.js';
import { readWithin } from '../jobs/read-within.js';
import type { Database } from '../postgres/create-database.js';
import {
  DEAD_LETTER_COLUMNS,
  type DeadLetterReason,
  type DeadLetterRow,
  type DeadLetterStatus,
} from './dead-letter.js';

export interface DeadLetterListRequest {
  /** Left out: any. */
  readonly status?: DeadLetterStatus | undefined;
  readonly queue?: string | undefined;
  readonly jobType?: string | undefined;
  readonly errorClass?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  /** The last id of the page before. */
  readonly cursor?: number | undefined;
  readonly limit: number;
}

/** A dead letter in a list. A large payload stays out of it; the letter itself has it. */
export interface ListedDeadLetter extends DeadLetterRow {
  readonly payload: unknown;
  readonly is_payload_omitted: boolean;
}

export interface DeadLetterPage {
  readonly deadLetters: readonly ListedDeadLetter[];
  readonly hasMore: boolean;
  /** The last id of the page: the cursor of the next one. */
  readonly nextCursor: number | null;
}

const PAGE_MS = 5_000;

/** The planner sees the values: what is null vanishes from the plan. */
const LIST_DEAD_LETTERS = `
  SELECT ${DEAD_LETTER_COLUMNS}, ${shortJson('payload', 'd.')}
    FROM dead_letter_jobs d
   WHERE ($1::dead_letter_status IS NULL OR d.status = $1) AND ($2::text IS NULL OR d.queue = $2)
     AND ($3::text IS NULL OR d.job_type = $3) AND ($4::text IS NULL OR d.error_class = $4)
     AND ($5::text IS NULL OR d.fingerprint = $5) AND ($6::dead_letter_reason IS NULL OR d.reason = $6)
     AND ($7::bigint IS NULL OR d.id < $7)
   ORDER BY d.id DESC LIMIT $8`;

/** A page of dead letters, newest first. @throws HoldfastError `timeout`; PostgresError */
export async function listDeadLetters(db: Database, request: DeadLetterListRequest): Promise<DeadLetterPage> {
  const { status, queue, jobType, errorClass, fingerprint, reason, cursor, limit } = request;
  // One more than asked for, which tells whether there is more.
  const values = [status, queue, jobType, errorClass, fingerprint, reason, cursor, limit + 1];
  const rows = await readWithin<ListedDeadLetter>(
    db,
    PAGE_MS,
    LIST_DEAD_LETTERS,
    values.map((value) => value ?? null),
  );
  const deadLetters = rows.slice(0, limit);
  const hasMore = rows.length > limit;
  return { deadLetters, hasMore, nextCursor: hasMore ? (deadLetters.at(-1)?.id ?? null) : null };
}
