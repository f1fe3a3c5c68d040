import { submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import { eventually } from '../../support/eventually.js';
import type { World } from '../world/world.js';
import { defineBound, type Bound, type Say } from './bound.js';
import { EffectLog } from './run/effect-log.js';
import { defaultWorkers, inWorld } from './run/in-world.js';

const JOB_MS = 30_000;
/** What an aborted handler gets to end by itself. */
const ABORT_GRACE_MS = 5_000;
/** To record, to close connections, to exit. */
const LEAVE_MS = 2_000;

/** One that listens to its signal, and one that does not. */
const submitBoth = ({ db }: World) =>
  submitJobsIn(
    db,
    ['patient', 'slow'].map((jobType) => ({ jobType, payload: { ref: jobType, ms: JOB_MS } })),
  );

const castWith = (shutdownMs: number) =>
  defaultWorkers(2, { env: { WORKER_SHUTDOWN_TIMEOUT: String(shutdownMs) } });

/** Ends every process that runs one of the jobs with SIGTERM; how long the slowest needed, and how many left otherwise than with 0. */
async function stopAll(
  world: World,
  pids: ReadonlySet<number>,
): Promise<{ tookMs: number; unclean: number }> {
  const stopping = world.members.filter(({ process }) => pids.has(process.pid ?? 0));
  const askedAt = performance.now();
  await Promise.all(stopping.map(({ process }) => process.end('SIGTERM')));
  const tookMs = performance.now() - askedAt;
  return { tookMs, unclean: stopping.filter(({ process }) => process.ends.at(-1)?.code !== 0).length };
}

const ENOUGH_TIME_MS = 40_000;
const patientStop = defineBound({
  name: 'patient-stop',
  what: `SIGTERM under jobs of ${JOB_MS / 1_000} s, WORKER_SHUTDOWN_TIMEOUT=${ENOUGH_TIME_MS}`,
  isLong: true,
  quantities: {
    incomplete: { what: 'jobs that were not completed by their first attempt', unit: '', limit: 0 },
    unclean: { what: 'processes that did not exit with 0', unit: '', limit: 0 },
    stopMs: { what: 'until the process has exited', unit: 'ms', limit: ENOUGH_TIME_MS },
  },
  measure: (say: Say) =>
    inWorld({ cast: castWith(ENOUGH_TIME_MS), say }, async (world) => {
      const effects = new EffectLog(world);
      await submitBoth(world);
      await effects.untilCount(2);
      say('SIGTERM');
      const { tookMs, unclean } = await stopAll(world, new Set(effects.all.map(({ pid }) => pid)));
      const { rows } = await world.db.query(
        `SELECT 1 FROM jobs j WHERE NOT (j.status = 'completed' AND j.attempt = 1)`,
      );
      return { incomplete: rows.length, unclean, stopMs: tookMs };
    }),
});

const TOO_LITTLE_MS = 5_000;
const shortStop = defineBound({
  name: 'short-stop',
  what: `SIGTERM under jobs of ${JOB_MS / 1_000} s, WORKER_SHUTDOWN_TIMEOUT=${TOO_LITTLE_MS}`,
  quantities: {
    charged: { what: 'jobs that were charged, or not on record as released', unit: '', limit: 0 },
    unclean: { what: 'processes that did not exit with 0', unit: '', limit: 0 },
    stopMs: {
      what: `until the process has exited (its timeout, ${ABORT_GRACE_MS / 1_000} s for the handler to end, ${LEAVE_MS / 1_000} s to leave)`,
      unit: 'ms',
      limit: TOO_LITTLE_MS + ABORT_GRACE_MS + LEAVE_MS,
    },
    elsewhereMs: { what: 'until both jobs run elsewhere, after that', unit: 'ms' },
  },
  measure: (say: Say) =>
    inWorld({ cast: castWith(TOO_LITTLE_MS), say }, async (world) => {
      const effects = new EffectLog(world);
      await submitBoth(world);
      await effects.untilCount(2);
      const pids = new Set(effects.all.map(({ pid }) => pid));
      say('SIGTERM');
      const { tookMs, unclean } = await stopAll(world, pids);
      const stoppedAt = Date.now();
      const again = await effects.until(
        'both run elsewhere',
        (all) => {
          const second = all.filter(({ attempt, pid }) => attempt === 2 && !pids.has(pid));
          return second.length === 2 && second;
        },
        60_000,
      );
      const charged = await eventually('what happened is on record', async () => {
        const { rows } = await world.db.query<{ isRight: boolean }>(
          `SELECT j.retry_count = 0 AND e.status = 'released' AS "isRight"
             FROM jobs j JOIN job_executions e ON e.job_id = j.id AND e.attempt = 1`,
        );
        return rows.length === 2 && rows;
      });
      return {
        charged: charged.filter(({ isRight }) => !isRight).length,
        unclean,
        stopMs: tookMs,
        elsewhereMs: Math.max(0, Math.max(...again.map(({ at }) => at)) - stoppedAt),
      };
    }),
});

export const GRACEFUL_STOP: readonly Bound[] = [patientStop, shortStop];
