import type pg from 'pg';
import { within } from '../time/within.js';

/** A half-open connection must not hold a batch for ever. No statement of ours comes near this. */
export const MOST_QUERY_MS = 10_000;

const tooLate = () => new Error(`PostgreSQL did not answer within ${MOST_QUERY_MS / 1_000} s`);

/**
 * Runs one statement, and gives it up after MOST_QUERY_MS: its connection is not to be used again then.
 *
 * pg's own promise and its `query_timeout` are not used. Both assign a function literal to a property, and V8 allocates such a one in
 * the old generation: all that a query leaves behind hung on it until the next full collection, and was copied by the small ones
 * (docs/performance.md).
 *
 * @throws what pg throws; an Error without a `code` when there was no answer in time
 */
export function runQuery(
  client: pg.ClientBase,
  statement: pg.QueryConfig<unknown[]>,
): Promise<pg.QueryResult> {
  const answer = new Promise<pg.QueryResult>((resolve, reject) => {
    client.query(statement, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
  return within(MOST_QUERY_MS, answer, tooLate);
}
