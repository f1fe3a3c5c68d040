import { isRefusal, type RedisServer } from './redis-server.js';
import { ok, warning, type Finding } from './finding.js';

/** Whether a restart brings back what was in the lanes. Either is fine: they are rebuilt from PostgreSQL. */
export async function checkPersistence({ name, node, info }: RedisServer): Promise<Finding[]> {
  if (info.get('aof_enabled') === '1') return [ok(`${name} keeps an append-only file`)];
  const savePoints = await readSavePoints(node);
  if (info.get('aof_enabled') === undefined || savePoints === undefined)
    return [ok(`whether ${name} keeps anything on disk cannot be read`)];
  if (savePoints !== '') return [ok(`${name} saves snapshots`)];
  return [
    warning(
      `${name} keeps nothing on disk`,
      'No job is lost with it: after a restart the coordinator fills the lanes from PostgreSQL, which takes a moment with a large backlog.',
      'Set appendonly yes (with appendfsync everysec) for a quicker restart, or leave it as it is.',
    ),
  ];
}

/** A managed Redis may have no CONFIG. */
async function readSavePoints(node: RedisServer['node']): Promise<string | undefined> {
  try {
    const [, savePoints] = await node.config('GET', 'save');
    return savePoints;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}
