import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { checkSchedule } from './check-schedule.js';
import { explainBusy } from './schedule-errors.js';
import { toSpec, type NewSchedule, type ScheduleRow } from './schedule.js';
import { beginWriting, insertSchedule } from './store-schedule.js';

/**
 * Creates a schedule; its first fire is the first after now that its rule gives.
 *
 * @throws HoldfastError `validation_failed` naming the fields, `schedule_exists`, `busy`; PostgresError
 */
export async function createSchedule(
  { db, jobDefaults }: Installation,
  { name, ...rest }: NewSchedule,
): Promise<ScheduleRow> {
  const spec = toSpec(rest);
  checkSchedule(name, spec, jobDefaults);
  const created = await db
    .transaction(async (tx) => insertSchedule(tx, name, spec, await beginWriting(tx)))
    .catch((error: unknown) => {
      throw explainBusy(name, error);
    });
  if (!created) throw new HoldfastError('schedule_exists', `there is a schedule "${name}" already`);
  return created;
}
