import type { Installation } from '../installation.js';
import { checkSchedule } from './check-schedule.js';
import { explainBusy, noSuchSchedule } from './schedule-errors.js';
import { changeSpec, type ScheduleChanges, type ScheduleRow } from './schedule.js';
import { beginWriting, lockSchedule, updateSchedule } from './store-schedule.js';

/**
 * Changes what is given and nothing else; `{ enabled }` alone enables or disables. A new rule, and a schedule that is enabled
 * again, fire next at the first time after now: what passed before is not made up for.
 *
 * @throws HoldfastError `not_found`, `validation_failed` naming the fields, `busy`; PostgresError
 */
export async function changeSchedule(
  { db, jobDefaults }: Installation,
  name: string,
  changes: ScheduleChanges,
): Promise<ScheduleRow> {
  try {
    return await db.transaction(async (tx) => {
      const now = await beginWriting(tx);
      const former = await lockSchedule(tx, name);
      if (!former) throw noSuchSchedule(name);
      const spec = changeSpec(former, changes);
      if (!isDisabling(changes)) checkSchedule(KNOWN_NAME, spec, jobDefaults);
      return updateSchedule(tx, former, spec, now);
    });
  } catch (error) {
    throw explainBusy(name, error);
  }
}

/** SQL may have given a name that the API would not: it is no fault of the change. */
const KNOWN_NAME = 'known';

/** What SQL got wrong can still be put to rest. */
const isDisabling = ({ enabled, ...others }: ScheduleChanges): boolean =>
  enabled === false && Object.values(others).every((value) => value === undefined);
