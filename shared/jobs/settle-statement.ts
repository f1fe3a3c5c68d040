import type { QueryTarget } from '../postgres/query-target.js';
import { attemptKey, type Outcome } from './outcome.js';

/** A row that a settle statement changed. */
export interface SettledRow {
  readonly id: number;
  readonly attempt: number;
  readonly hasDependents: boolean;
  /** Pending again and due: dispatch it. */
  readonly isReady: boolean;
}

/**
 * The settle statements share their parameters and their fence.
 *
 * $1 ids, $2 worker id, $3 one jsonb object from `id:attempt` to what belongs to that attempt. Looking each row's part
 * up in it keeps the statement a walk along the primary key; joining an unnest() went quadratic with stale statistics.
 *
 * The fence is id, attempt, worker and status: a row that does not match was taken from us.
 */
export const ATTEMPT_KEY = `(id || ':' || attempt)`;
export const FENCE = `id = ANY ($1::bigint[]) AND worker_id = $2 AND status = 'running' AND $3::jsonb ? ${ATTEMPT_KEY}
  AND (SELECT set_config('lock_timeout', '300ms', true)) IS NOT NULL`;

/**
 * A history row that is there already stays (a person may have set `attempt` back): settling must not fail for it.
 * The columns of a history row that all settles fill alike, for a FROM item `settled` that has `its`, its part of $3.
 */
export const HISTORY_COLUMNS = `job_id, attempt, worker_id, started_at, duration_ms, logs, status`;
export const HISTORY_VALUES = `id, attempt, $2, started_at, (its ->> 'duration_ms')::int, its -> 'logs'`;

/** Runs a settle statement for outcomes of one kind. `describe` gives what the statement reads of each. */
export async function runSettle<Kind extends Outcome>(
  target: QueryTarget,
  statement: string,
  workerId: string,
  outcomes: readonly Kind[],
  describe: (outcome: Kind) => Record<string, unknown>,
  extra: unknown[] = [],
): Promise<SettledRow[]> {
  const parts: Record<string, unknown> = {};
  for (const outcome of outcomes) {
    parts[attemptKey(outcome.job)] = {
      ...describe(outcome),
      duration_ms: Math.round(outcome.durationMs),
      logs: outcome.logs.length > 0 ? outcome.logs : undefined,
    };
  }
  // In id order, as everybody who locks several jobs.
  const ids = outcomes.map(({ job }) => job.id).sort((a, b) => a - b);
  const { rows } = await target.query(statement, [ids, workerId, JSON.stringify(parts), ...extra]);
  return rows as SettledRow[];
}
