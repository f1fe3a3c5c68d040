import type { World } from '../world/world.js';
import { eventually } from '../../support/eventually.js';
import type { Submitter } from './submitter.js';

/** Fire times of one schedule are this far apart; its name says so. Milliseconds. */
const EVERY_MS = [1_000, 2_000, 3_000, 5_000];
const OF_EACH_KIND = 3;
const LONGEST_CATCH_UP_MS = 60_000;

const INSERT = `
  INSERT INTO job_schedules (name, job_type, payload, interval_ms, cron_expression, timezone, misfire_policy, max_catch_up)
  VALUES ($1, 'effect', jsonb_build_object('ref', $1::text), $2, $3, $4, 'catch_up', 1000)`;

/** What was due when the faults ended must have fired before they stop: nothing may be dropped in silence. */
const UNFIRED =
  'SELECT 1 FROM job_schedules WHERE enabled AND (next_run_at IS NULL OR next_run_at < now()) LIMIT 1';

/** Interval and cron schedules that fire all the time, and make up for what they missed. */
export async function startSchedules({ db }: World): Promise<Submitter> {
  for (const everyMs of EVERY_MS)
    for (let n = 1; n <= OF_EACH_KIND; n++) {
      await db.query(INSERT, [`every ${everyMs} interval ${n}`, everyMs, null, 'UTC']);
      const zone = n === 1 ? 'Asia/Kolkata' : 'America/St_Johns';
      await db.query(INSERT, [`every ${everyMs} cron ${n}`, null, `*/${everyMs / 1_000} * * * * *`, zone]);
    }
  return {
    stop: async () => {
      const hasCaughtUp = async () => (await db.query(UNFIRED)).rows.length === 0;
      await eventually(
        'all schedules have fired',
        () => hasCaughtUp().catch(() => false),
        LONGEST_CATCH_UP_MS,
      );
      await db.query('UPDATE job_schedules SET enabled = false');
    },
  };
}
