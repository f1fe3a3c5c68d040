import type { Database } from '../postgres/create-database.js';
import { findRuleProblems, refuse } from './check-schedule.js';
import { nextFires, readRule } from './next-fire.js';
import { toSpec, type NewSchedule } from './schedule.js';

export type PreviewedRule = Pick<
  NewSchedule,
  'cronExpression' | 'intervalMs' | 'timezone' | 'startsAt' | 'endsAt'
>;

/**
 * When a schedule with this rule would fire if it were created now.
 *
 * @throws HoldfastError `validation_failed` naming the fields; PostgresError
 */
export async function previewSchedule(
  db: Database,
  rule: PreviewedRule,
  count: number,
): Promise<{ fires: readonly Date[]; timezone: string }> {
  const spec = toSpec({ jobType: 'previewed', ...rule });
  refuse(findRuleProblems(spec));
  const { rows } = await db.query<{ now: Date }>('SELECT now()');
  const { now } = rows[0]!;
  return {
    fires: nextFires(readRule({ ...spec, created_at: now }), now.getTime(), count),
    timezone: spec.timezone,
  };
}
