import { submitJobsIn } from '../../../../shared/jobs/submit-jobs.js';
import type { World } from '../../world/world.js';
import type { EffectLog } from './effect-log.js';
import { SLOTS } from './in-world.js';

const LEAST_EACH = 2;

/**
 * Gives every worker some jobs that do not end, and leaves so many slots free that whatever one of them runs has room
 * elsewhere at once. One job at a time: idle workers are served in turn.
 *
 * @throws Error when one worker has too few although all others are full
 */
export async function occupyWorkers(world: World, effects: EffectLog): Promise<void> {
  const workers = world.members.filter(({ process }) => process.spec.role === 'worker');
  const most = (workers.length - 1) * SLOTS;
  for (let count = 1; count <= most; count++) {
    const payload = { ref: `endless${count}`, ms: 3_600_000 };
    await submitJobsIn(world.db, [{ jobType: 'slow', payload, timeoutMs: 7_200_000 }]);
    await effects.untilCount(count);
    const isOccupied = (pid: number | undefined) =>
      effects.all.filter((effect) => effect.pid === pid).length >= LEAST_EACH;
    if (workers.every(({ process }) => isOccupied(process.pid))) return;
  }
  throw new Error('one worker has hardly taken a job, so that nothing can be seen there');
}
