import { readHealth } from '../jobs/read-health.js';
import type { Database } from '../postgres/create-database.js';
import { ok, problem, warning, type Finding } from './finding.js';

const MEANING =
  'Due jobs, retries and jobs submitted by plain SQL wait for idle workers to look; jobs of dead workers are not rescued; ' +
  'nothing is pruned.';

/** @throws PostgresError */
export async function checkLeadership(db: Database): Promise<Finding[]> {
  const { hasLeader, term } = await readHealth(db);
  if (hasLeader) return [ok('a coordinator leads')];
  if (term === 0)
    return [
      warning(
        'no coordinator has led yet',
        MEANING,
        'Start a process: `holdfast worker`, `holdfast api` or `holdfast coordinator`.',
      ),
    ];
  return [
    problem(
      'no coordinator leads: the lease is not held',
      MEANING,
      'Start `holdfast coordinator`, or an API or worker without COORDINATOR_ENABLED=false; if one runs, its log says why it does not lead.',
    ),
  ];
}
