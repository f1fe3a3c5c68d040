import { toIds } from './lane-ids.js';
import type { Lanes } from './lanes.js';

/**
 * The ids that were put on a lane last, up to `count`, and the one that waits to be handed over. What was submitted a
 * moment ago is among them, unless a worker has it already.
 */
export async function readNewest(
  lanes: Lanes,
  queue: string,
  priority: number,
  count: number,
): Promise<Set<number>> {
  const keys = lanes.keys(queue);
  const { connection } = lanes;
  // In this order: an id that moves on between the two is seen twice, not never.
  const lists = [
    connection.lrange(keys.lane(priority), 0, count - 1),
    connection.lrange(keys.handoff, 0, -1),
  ];
  return new Set(toIds((await Promise.all(lists)).flat()));
}
