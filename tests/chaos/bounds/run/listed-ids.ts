import type { World } from '../../world/world.js';

const CHUNK = 50_000;

/** Lanes and handoffs: where ids wait. 0 while Redis does not answer. */
export async function countListed({ redis }: World): Promise<number> {
  try {
    const lengths = await Promise.all((await waitingLists(redis)).map((key) => redis.llen(key)));
    return lengths.reduce((sum, length) => sum + length, 0);
  } catch {
    return 0;
  }
}

/** All ids that wait, with those that are there twice. */
export async function readListed({ redis }: World): Promise<number[]> {
  const ids: number[] = [];
  for (const key of await waitingLists(redis)) {
    const length = await redis.llen(key);
    for (let start = 0; start < length; start += CHUNK)
      for (const id of await redis.lrange(key, start, start + CHUNK - 1)) ids.push(Number(id));
  }
  return ids;
}

const waitingLists = async (redis: World['redis']): Promise<string[]> => [
  ...(await redis.keys('job:*:lane:*')),
  ...(await redis.keys('job:*:handoff')),
];
