import { isPostgresError } from '../postgres/postgres-error.js';
import type { ChosenJob } from './find-chosen.js';

export interface BulkOptions {
  /** Jobs at most. Default 1,000. */
  readonly limit?: number | undefined;
  /** Changes nothing: counts what would be changed. Default false. */
  readonly isDryRun?: boolean | undefined;
}

export interface BulkChange {
  /** Jobs that were changed; in a dry run, that would be. */
  readonly count: number;
  /** More jobs match: beyond the limit, or held by another transaction just now. */
  readonly hasMore: boolean;
}

export interface BulkWork {
  /** The candidates, in pages of any size. */
  readonly pages: AsyncIterable<readonly ChosenJob[]>;
  /** Changes, in one transaction, those that nobody else has locked. Returns their ids. */
  change(ids: readonly number[]): Promise<readonly number[]>;
  /** Whether any of these still matches. */
  stillMatch(ids: readonly number[]): Promise<boolean>;
}

export const DEFAULT_BULK_LIMIT = 1_000;
export const MOST_BULK = 100_000;
/** What is changed in one transaction. */
const PAGE = 500;

/** Changes many jobs, in short transactions: what is done is done, also when a later one fails. */
export async function changeMany(work: BulkWork, options: BulkOptions): Promise<BulkChange> {
  const { limit = DEFAULT_BULK_LIMIT, isDryRun = false } = options;
  let count = 0;
  const left: number[] = [];
  for await (const page of work.pages) {
    for (let start = 0; start < page.length; start += PAGE) {
      const ids = page.slice(start, start + PAGE).map(({ id }) => id);
      if (count >= limit) {
        if (isDryRun || (await work.stillMatch(ids))) return { count, hasMore: true };
        continue;
      }
      const allowed = ids.slice(0, limit - count);
      const changed = isDryRun ? allowed : await changePart(work, allowed);
      count += changed.length;
      if (changed.length === ids.length) continue;
      if (isDryRun) return { count, hasMore: true };
      const done = new Set(changed);
      left.push(...ids.filter((id) => !done.has(id)));
    }
  }
  return { count, hasMore: left.length > 0 && (await work.stillMatch(left)) };
}

/** A deadlock, a row of somebody's long transaction, a unique key that was taken meanwhile: found by halving. */
async function changePart(work: BulkWork, ids: readonly number[]): Promise<readonly number[]> {
  try {
    return await work.change(ids);
  } catch (error) {
    if (!isPostgresError(error, 'lock_conflict', 'constraint')) throw error;
    if (isPostgresError(error, 'constraint') && error.constraint !== 'jobs_unique_key') throw error;
    if (ids.length <= 1) return [];
    const middle = ids.length >> 1;
    const first = await changePart(work, ids.slice(0, middle));
    return [...first, ...(await changePart(work, ids.slice(middle)))];
  }
}
