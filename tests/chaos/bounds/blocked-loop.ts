import { submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import { eventually } from '../../support/eventually.js';
import { defineBound, type Say } from './bound.js';
import { EffectLog } from './run/effect-log.js';
import { countEnds, defaultWorkers, inWorld } from './run/in-world.js';

const BLOCKED_MS = 60_000;
const NEIGHBOURS = 6;
const NEIGHBOUR_MS = 3_000;

/** Busy is not dead: six leases long the worker's event loop does not turn, and its heartbeat goes on. */
export const BLOCKED_LOOP = defineBound({
  name: 'blocked-loop',
  what: 'a handler blocks its event loop for 60 s, within the default timeout',
  isLong: true,
  quantities: {
    otherwise: {
      what: 'attempts that ended otherwise than completed, the neighbours’ too',
      unit: '',
      limit: 0,
    },
    again: { what: 'handlers that began a second time', unit: '', limit: 0 },
    dead: { what: 'workers declared dead, processes that ended', unit: '', limit: 0 },
  },
  measure: (say: Say) =>
    inWorld({ cast: defaultWorkers(2), say }, async (world) => {
      const effects = new EffectLog(world);
      const neighbours = Array.from({ length: NEIGHBOURS }, (_, index) => ({
        jobType: 'slow',
        payload: { ref: `neighbour${index}`, ms: NEIGHBOUR_MS },
      }));
      await submitJobsIn(world.db, neighbours);
      await effects.untilCount(NEIGHBOURS);
      await submitJobsIn(world.db, [{ jobType: 'blocker', payload: { ref: 'blocker', ms: BLOCKED_MS } }]);
      await effects.untilCount(NEIGHBOURS + 1);
      say('the event loop is blocked');
      const unfinished = async () =>
        (await world.db.query('SELECT 1 FROM jobs WHERE completed_at IS NULL')).rows.length;
      await eventually('all have finished', async () => (await unfinished()) === 0, 2 * BLOCKED_MS);
      const otherwise = await world.db.query(`SELECT 1 FROM job_executions WHERE status <> 'completed'`);
      const dead = await world.db.query('SELECT 1 FROM workers WHERE dead_at IS NOT NULL');
      return {
        otherwise: otherwise.rows.length,
        again: (await effects.read()).length - (NEIGHBOURS + 1),
        dead: dead.rows.length + countEnds(world),
      };
    }),
});
