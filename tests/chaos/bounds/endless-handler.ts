import { submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import type { World } from '../world/world.js';
import { eventually } from '../../support/eventually.js';
import { defineBound, type Say } from './bound.js';
import { EffectLog } from './run/effect-log.js';
import { defaultWorkers, inWorld } from './run/in-world.js';
import { occupyWorkers } from './run/occupy-workers.js';

const TIMEOUT_MS = 2_000;

/** The process has to be ended; who blocked it pays, and nobody else. */
export const ENDLESS_HANDLER = defineBound({
  name: 'endless-handler',
  what: `a handler over its timeout of ${TIMEOUT_MS / 1_000} s that never yields`,
  quantities: {
    notTimedOut: { what: 'endless jobs not on record as timed out and failed', unit: '', limit: 0 },
    charged: {
      what: 'neighbours that were charged, or not on record as released or lost',
      unit: '',
      limit: 0,
    },
    elsewhereMs: { what: 'from the timeout until all neighbours run elsewhere', unit: 'ms', limit: 15_000 },
  },
  measure: (say: Say) =>
    inWorld({ cast: defaultWorkers(3), say }, async (world) => {
      const effects = new EffectLog(world);
      await occupyWorkers(world, effects);
      await submitJobsIn(world.db, [
        { jobType: 'overdue', payload: { ref: 'never-yields' }, timeoutMs: TIMEOUT_MS, maxRetries: 0 },
      ]);
      const endless = await effects.until('it runs', (all) => all.find(({ ref }) => ref === 'never-yields'));
      const neighbours = effects.all.filter(({ pid, ref }) => pid === endless.pid && ref !== 'never-yields');
      say(`it blocks process ${endless.pid}, which runs ${neighbours.length} others`);
      const ids = neighbours.map(({ jobId }) => jobId);
      const again = await effects.until(
        'the neighbours run elsewhere',
        (all) => {
          const second = all.filter(
            ({ attempt, jobId, pid }) => attempt === 2 && ids.includes(jobId) && pid !== endless.pid,
          );
          return second.length >= ids.length && second;
        },
        60_000,
      );
      return {
        notTimedOut: (await isTimedOut(world, endless.jobId)) ? 0 : 1,
        charged: await countCharged(world, ids),
        elsewhereMs: Math.max(...again.map(({ at }) => at)) - (endless.at + TIMEOUT_MS),
      };
    }),
});

async function isTimedOut({ db }: World, jobId: number): Promise<boolean> {
  const isOnRecord = async () => {
    const { rows } = await db.query(
      `SELECT 1 FROM jobs j JOIN job_executions e ON e.job_id = j.id
        WHERE j.id = $1 AND j.status = 'failed' AND e.attempt = 1 AND e.status = 'timed_out'`,
      [jobId],
    );
    return rows.length === 1;
  };
  return eventually('it is on record', isOnRecord, 20_000).catch(() => false);
}

async function countCharged({ db }: World, ids: readonly number[]): Promise<number> {
  const { rows } = await db.query(
    `SELECT 1 FROM jobs j LEFT JOIN job_executions e ON e.job_id = j.id AND e.attempt = 1
      WHERE j.id = ANY ($1::bigint[]) AND NOT (j.retry_count = 0 AND e.status IS NOT NULL AND e.status IN ('released', 'lost'))`,
    [ids],
  );
  return rows.length;
}
