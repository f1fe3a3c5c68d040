import type { FaultKind } from '../faults/fault.js';
import { POSTGRES_FAULTS } from '../faults/postgres-faults.js';
import { PROCESS_FAULTS } from '../faults/process-faults.js';
import { REDIS_FAULTS } from '../faults/redis-faults.js';

/** A mistake that somebody could make, put into a copy of the code to see whether the checker finds it. */
export interface SeededBug {
  readonly name: string;
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
  /** Faults under which it shows. */
  readonly kinds: readonly FaultKind[];
  /** Where that takes more than the usual load, or more faults. */
  readonly under?: { readonly load: number; readonly faultEveryMs: number };
  /** What the checker must say; one of these. */
  readonly mustBreak: RegExp;
}

const kindsNamed = (pattern: RegExp): FaultKind[] =>
  [...PROCESS_FAULTS, ...REDIS_FAULTS, ...POSTGRES_FAULTS].filter(({ name }) => pattern.test(name));

export const SEEDED_BUGS: readonly SeededBug[] = [
  {
    name: 'a settle without the fence',
    file: 'shared/jobs/settle-statement.ts',
    right: `\${isOneOf('$1')} AND worker_id = $2 AND status = 'running' AND attempt = ($3::int[])[\${PLACE}]`,
    wrong: `\${isOneOf('$1')} AND $2::text IS NOT NULL AND attempt = ($3::int[])[\${PLACE}]`,
    // It shows in a settle whose reply is lost: few are under way at any moment.
    kinds: kindsNamed(/backends terminated/),
    under: { load: 2, faultEveryMs: 700 },
    mustBreak:
      /attempts have gaps|does not fit the final state|came after one|for another worker|ended otherwise/,
  },
  {
    name: 'a claim without the status check',
    file: 'shared/jobs/claim-jobs.ts',
    right: `\${isOneOf('$2')} AND status = 'pending' AND unmet`,
    // Of finished jobs the table's own CHECK would refuse the claim: workers would stand still, and run nothing twice.
    wrong: `\${isOneOf('$2')} AND completed_at IS NULL AND unmet`,
    kinds: kindsNamed(/ids come twice/),
    mustBreak:
      /attempts have gaps|ended otherwise|came after one|has no attempt on record|ran more than once/,
  },
  {
    name: 'no sweep',
    file: 'workers/coordinator/leader.ts',
    right: 'createSweeper(installation, holder),',
    wrong: '',
    // A worker that is killed between take and claim leaves ids behind: often enough only where it takes all the time.
    kinds: kindsNamed(/an old file comes back|SIGKILL of a worker/),
    under: { load: 5, faultEveryMs: 1_000 },
    mustBreak: /Redis holds ids/,
  },
  {
    name: 'schedules that forget what came while nobody could fire',
    file: 'shared/schedules/decide-fires.ts',
    right: 'const fires = wasAway ? chooseFires(due.latest, now, misfirePolicy, maxCatchUp) : due.latest;',
    wrong: 'const fires = due.latest.slice(-1);',
    kinds: kindsNamed(/PostgreSQL: killed and started/),
    mustBreak: /a fire time was left out/,
  },
];
