import type { Database } from '../postgres/create-database.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { toNumberArray } from '../postgres/number-array.js';
import { inLockOrder } from './outcome.js';
import { FENCE, PLACE } from './settle-statement.js';

export interface Progress {
  readonly id: number;
  readonly attempt: number;
  /** 0 to 100. */
  readonly percent: number;
}

/** $1 to $3 as for the settles, $4 percent. A row that somebody holds is not worth waiting for: the next report comes. */
const RECORD_PROGRESS = `
  UPDATE jobs SET progress = ($4::int[])[${PLACE}], updated_at = now()
   WHERE ${FENCE} AND ${lockTimeout('100ms')}`;

/** @throws PostgresError */
export async function recordProgress(
  db: Database,
  workerId: string,
  reports: readonly Progress[],
): Promise<void> {
  const inOrder = reports.toSorted(inLockOrder);
  const arrayOf = (pick: (report: Progress) => number) => toNumberArray(inOrder.map(pick));
  await db.query(RECORD_PROGRESS, [
    arrayOf(({ id }) => id),
    workerId,
    arrayOf(({ attempt }) => attempt),
    arrayOf(({ percent }) => percent),
  ]);
}
