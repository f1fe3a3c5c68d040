import { findOwnerless } from '../jobs/find-ownerless.js';
import type { Database } from '../postgres/create-database.js';
import { counted, ok, problem, type Finding } from './finding.js';

const LOOK_MS = 2_000;
const MOST_SHOWN = 10;

/** Running jobs that nobody runs and nobody rescues. @throws PostgresError */
export async function checkOwnerlessJobs(db: Database): Promise<Finding[]> {
  const { ids, isComplete } = await lookForOwnerless(db);
  if (ids.length === 0)
    return [
      ok(
        isComplete
          ? 'every running job belongs to a claim'
          : 'every running job that was looked at belongs to a claim; the backlog is too large to look at all',
      ),
    ];
  const many = ids.length >= MOST_SHOWN || !isComplete ? ', and perhaps more' : '';
  const list = ids.slice(0, MOST_SHOWN).join(', ');
  return [
    problem(
      `${counted(ids.length, 'job')} marked as running that no claim knows (${list}${many})`,
      'They stay as they are: nobody runs them and nobody rescues them. A failover that lost the latest commits leaves such jobs behind.',
      `Make them ready again: UPDATE jobs SET status = 'pending', worker_id = NULL WHERE id IN (${list}) AND status = 'running'.`,
    ),
  ];
}

/** Until there are enough to show, or it has taken long enough. */
async function lookForOwnerless(db: Database): Promise<{ ids: number[]; isComplete: boolean }> {
  const giveUpAt = performance.now() + LOOK_MS;
  const ids: number[] = [];
  for await (const found of findOwnerless(db)) {
    ids.push(...found.flatMap(({ jobIds }) => jobIds));
    if (ids.length >= MOST_SHOWN || performance.now() > giveUpAt) return { ids, isComplete: false };
  }
  return { ids, isComplete: true };
}
