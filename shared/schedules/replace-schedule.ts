import type { Installation } from '../installation.js';
import { checkSchedule } from './check-schedule.js';
import { explainBusy, noSuchSchedule } from './schedule-errors.js';
import { toSpec, type NewSchedule, type ScheduleRow } from './schedule.js';
import { beginWriting, insertSchedule, lockSchedule, updateSchedule } from './store-schedule.js';

/**
 * Makes a schedule what is said here, whatever it was: what is left out takes the default, but for `enabled`, which stays.
 *
 * @throws HoldfastError `validation_failed` naming the fields, `busy`; PostgresError
 */
export async function replaceSchedule(
  { db, jobDefaults }: Installation,
  { name, ...rest }: NewSchedule,
): Promise<{ schedule: ScheduleRow; isNew: boolean }> {
  const spec = toSpec(rest);
  checkSchedule(name, spec, jobDefaults);
  try {
    return await db.transaction(async (tx) => {
      const now = await beginWriting(tx);
      const created = await insertSchedule(tx, name, spec, now);
      if (created) return { schedule: created, isNew: true };
      const former = await lockSchedule(tx, name);
      // Deleted between the two statements.
      if (!former) throw noSuchSchedule(name);
      const { enabled = former.enabled } = rest;
      return { schedule: await updateSchedule(tx, former, { ...spec, enabled }, now), isNew: false };
    });
  } catch (error) {
    throw explainBusy(name, error);
  }
}
