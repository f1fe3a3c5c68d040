import type { QueryTarget } from '../postgres/query-target.js';
import type { DeadLetterReason } from './dead-letter.js';

/** Which open dead letters are meant: those that all of it is true of. Empty: all. */
export interface OpenLetterFilter {
  readonly queue?: string | undefined;
  readonly jobType?: string | undefined;
  readonly errorClass?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly reason?: DeadLetterReason | undefined;
  readonly ids?: readonly number[] | undefined;
}

/** How an action on many ended. */
export interface BulkResult {
  readonly count: number;
  /** Letters left open: somebody else had them, or their jobs cannot run again now. */
  readonly skipped: number;
  /** More letters fit the filter than the limit allowed. */
  readonly hasMore: boolean;
}

/** What a page of at most PAGE letters came to. */
export interface LetterPage {
  readonly found: number;
  readonly done: number;
  /** Null: the page was empty. */
  readonly lastId: number | null;
}

/** Most letters that one action on many may be told to take. */
export const MOST_LETTERS = 100_000;

/** One transaction each: rows are locked for a fraction of a second. */
const PAGE = 1_000;

/** The first eight parameters of each function that takes pages of open letters, as $1 to $8. */
export const PAGE_PARAMETERS = '$1, $2, $3, $4, $5::dead_letter_reason, $6::bigint[], $7, $8';

export const pageValues = (filter: OpenLetterFilter, size: number, afterId: number): unknown[] => {
  const { queue, jobType, errorClass, fingerprint, reason, ids } = filter;
  return [queue, jobType, errorClass, fingerprint, reason, ids, size, afterId].map((value) => value ?? null);
};

/**
 * Goes through the open letters that fit, oldest first, until `limit` of them were acted on. What a page did is committed:
 * after an error, the same call goes on with the rest.
 */
export async function forEachPage(
  target: QueryTarget,
  filter: OpenLetterFilter,
  limit: number,
  actOnPage: (values: unknown[]) => Promise<LetterPage>,
): Promise<BulkResult> {
  let [count, looked, afterId] = [0, 0, 0];
  for (;;) {
    const size = Math.min(PAGE, limit - count);
    const page = await actOnPage(pageValues(filter, size, afterId));
    count += page.done;
    looked += page.found;
    afterId = page.lastId ?? afterId;
    const isLast = page.found < size;
    if (isLast || count === limit) {
      const hasMore = !isLast && (await hasOpenAfter(target, filter, afterId));
      return { count, skipped: looked - count, hasMore };
    }
  }
}

async function hasOpenAfter(
  target: QueryTarget,
  filter: OpenLetterFilter,
  afterId: number,
): Promise<boolean> {
  const statement = `SELECT 1 FROM open_dead_letters(${PAGE_PARAMETERS})`;
  return (await target.query(statement, pageValues(filter, 1, afterId))).rows.length > 0;
}
