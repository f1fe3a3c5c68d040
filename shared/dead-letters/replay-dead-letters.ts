import type { Installation } from '../installation.js';
import { readWithin } from '../jobs/read-within.js';
import type { Database } from '../postgres/create-database.js';
import {
  forEachPage,
  PAGE_PARAMETERS,
  type BulkResult,
  type LetterPage,
  type OpenLetterFilter,
} from './open-letters.js';

export const DEFAULT_RATE_PER_SECOND = 100;
export const LOWEST_RATE_PER_SECOND = 0.1;
export const HIGHEST_RATE_PER_SECOND = 10_000;

export interface BulkReplayRequest {
  readonly filter: OpenLetterFilter;
  /** Jobs that become due in a second, from 0.1 to 10,000. Default 100. */
  readonly ratePerSecond?: number | undefined;
  /** Letters to replay at most, up to 100,000. */
  readonly limit: number;
  readonly note?: string | undefined;
  readonly by?: string | null | undefined;
}

export interface BulkReplay extends BulkResult {
  /** When the last of them becomes due; null when there is none. */
  readonly lastDueAt: Date | null;
}

interface ReplayedPage extends LetterPage {
  readonly ids: readonly number[];
  readonly lastDueAt: Date | null;
  /** In PostgreSQL's own words: a Date has no microseconds. */
  readonly lastDue: string | null;
}

const REPLAY_PAGE = `
  SELECT count(*) AS found, count(*) FILTER (WHERE skipped IS NULL) AS done, max(dead_letter_id) AS "lastId",
         COALESCE(array_agg(dead_letter_id) FILTER (WHERE skipped IS NULL), '{}') AS ids,
         max(due_at) AS "lastDueAt", max(due_at)::text AS "lastDue"
    FROM replay_dead_letters(${PAGE_PARAMETERS}, $9, $10::timestamptz, $11, $12)`;

/**
 * Replays open dead letters, oldest first, a page in a transaction. Their jobs become due one after the other at the rate;
 * that is written in the rows, so that no process has to see to it. Two replays at once have a rate each.
 *
 * @throws PostgresError; what was replayed until then is, and the same call again does the rest
 */
export async function replayDeadLetters(
  { db, events }: Installation,
  { filter, ratePerSecond = DEFAULT_RATE_PER_SECOND, limit, note, by = null }: BulkReplayRequest,
): Promise<BulkReplay> {
  let lastDueAt: Date | null = null;
  let afterDue: string | null = null;
  const result = await forEachPage(db, filter, limit, async (values) => {
    const extra = [ratePerSecond, afterDue, by, note ?? null];
    const { rows } = await db.query<ReplayedPage>(REPLAY_PAGE, [...values, ...extra]);
    const page = rows[0] as ReplayedPage;
    lastDueAt = page.lastDueAt ?? lastDueAt;
    afterDue = page.lastDue ?? afterDue;
    if (page.done > 0) events.emit('deadLetterReplayed', { ids: page.ids, by });
    return page;
  });
  return { ...result, lastDueAt };
}

interface PreviewedPage extends LetterPage {
  readonly readAt: Date;
}

const PREVIEW_MS = 5_000;

/** What REPLAY_PAGE would do, but for rows that somebody holds and keys that two letters of a page share. */
const PREVIEW_PAGE = `
  SELECT count(*) AS found, max(o.dead_letter_id) AS "lastId", clock_timestamp() AS "readAt",
         count(*) FILTER (WHERE j.id IS NULL OR (j.status = 'failed' AND NOT EXISTS (
           SELECT 1 FROM jobs other WHERE other.unique_key = j.unique_key AND other.completed_at IS NULL))) AS done
    FROM open_dead_letters(${PAGE_PARAMETERS}) o LEFT JOIN jobs j ON j.id = o.job_id`;

/** How many a replay would take, and when the last of them would be due. Changes nothing. @throws HoldfastError `timeout`; PostgresError */
export async function previewReplay(
  db: Database,
  {
    filter,
    ratePerSecond = DEFAULT_RATE_PER_SECOND,
    limit,
  }: Pick<BulkReplayRequest, 'filter' | 'ratePerSecond' | 'limit'>,
): Promise<BulkReplay> {
  let readAt = new Date(0);
  const result = await forEachPage(db, filter, limit, async (values) => {
    const [page] = await readWithin<PreviewedPage>(db, PREVIEW_MS, PREVIEW_PAGE, values);
    readAt = (page as PreviewedPage).readAt;
    return page as PreviewedPage;
  });
  const { count } = result;
  const lastDueAt = count === 0 ? null : new Date(readAt.getTime() + ((count - 1) * 1_000) / ratePerSecond);
  return { ...result, lastDueAt };
}
