import { eventually } from '../../support/eventually.js';
import type { World } from '../world/world.js';
import { violationsOf, type Violation } from './violation.js';

/** At rest, Redis holds no id of a finished job, and no worker owns anything. */
export async function checkRest(world: World, restMs: number): Promise<Violation[]> {
  let listed: string[] = [];
  const isEmpty = async () => {
    listed = await readListedIds(world).catch(() => ['Redis does not answer']);
    return listed.length === 0;
  };
  await eventually('Redis holds no id', isEmpty, restMs).catch(() => undefined);
  const owned = async () =>
    (await world.db.query<{ worker_id: string }>('SELECT worker_id FROM claim_batches')).rows;
  await eventually('nobody owns anything', async () => (await owned()).length === 0, restMs).catch(
    () => undefined,
  );
  return [
    ...violationsOf('Redis holds ids although every job is finished', listed, (one) => one),
    ...violationsOf(
      'a claim is on record although every job is finished',
      await owned(),
      (row) => row.worker_id,
    ),
  ];
}

async function readListedIds({ redis }: World): Promise<string[]> {
  const found: string[] = [];
  for (const key of await redis.keys('job:*')) {
    // Offers are no ids, and stay where workers died.
    if ((await redis.type(key)) !== 'list' || key.endsWith(':offers')) continue;
    found.push(...(await redis.lrange(key, 0, -1)).map((id) => `${id} in ${key}`));
  }
  return found;
}
