import type { Installation } from '../installation.js';
import type { Database } from '../postgres/create-database.js';
import type { DiscardRequest } from './discard-dead-letter.js';
import {
  forEachPage,
  PAGE_PARAMETERS,
  type BulkResult,
  type LetterPage,
  type OpenLetterFilter,
} from './open-letters.js';

export interface BulkDiscardRequest extends DiscardRequest {
  readonly filter: OpenLetterFilter;
  /** Letters to discard at most, up to 100,000. */
  readonly limit: number;
}

interface DiscardedPage extends LetterPage {
  readonly ids: readonly number[];
}

const DISCARD_PAGE = `
  SELECT count(*) AS found, count(*) FILTER (WHERE skipped IS NULL) AS done, max(dead_letter_id) AS "lastId",
         COALESCE(array_agg(dead_letter_id) FILTER (WHERE skipped IS NULL), '{}') AS ids
    FROM discard_dead_letters(${PAGE_PARAMETERS}, $9, $10)`;

/**
 * Discards open dead letters, oldest first, a page in a transaction.
 *
 * @throws PostgresError; what was discarded until then is, and the same call again does the rest
 */
export function discardDeadLetters(
  { db, events }: Installation,
  { filter, limit, note, by = null }: BulkDiscardRequest,
): Promise<BulkResult> {
  return forEachPage(db, filter, limit, async (values) => {
    const { rows } = await db.query<DiscardedPage>(DISCARD_PAGE, [...values, by, note ?? null]);
    const page = rows[0] as DiscardedPage;
    if (page.done > 0) events.emit('deadLetterDiscarded', { ids: page.ids, by });
    return page;
  });
}

const COUNT_PAGE = `
  SELECT count(*) AS found, count(*) AS done, max(dead_letter_id) AS "lastId" FROM open_dead_letters(${PAGE_PARAMETERS})`;

/** How many a discard would take. Changes nothing. @throws PostgresError */
export function previewDiscard(
  db: Database,
  { filter, limit }: Pick<BulkDiscardRequest, 'filter' | 'limit'>,
): Promise<BulkResult> {
  return forEachPage(
    db,
    filter,
    limit,
    async (values) => (await db.query<LetterPage>(COUNT_PAGE, values)).rows[0] as LetterPage,
  );
}
