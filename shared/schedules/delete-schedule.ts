import type { Installation } from '../installation.js';
import { explainBusy, noSuchSchedule } from './schedule-errors.js';
import { beginWriting } from './store-schedule.js';

/**
 * Deletes a schedule and the record of its fires. Its jobs stay. One that code defines comes back when a worker starts: disable it
 * instead.
 *
 * @throws HoldfastError `not_found`, `busy`; PostgresError
 */
export async function deleteSchedule({ db }: Installation, name: string): Promise<void> {
  const { rowCount } = await db
    .transaction(async (tx) => {
      await beginWriting(tx);
      return tx.query('DELETE FROM job_schedules WHERE name = $1', [name]);
    })
    .catch((error: unknown) => {
      throw explainBusy(name, error);
    });
  if (rowCount === 0) throw noSuchSchedule(name);
}
