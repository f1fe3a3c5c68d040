import { setTimeout as wait } from 'node:timers/promises';
import { percentile } from '../../../bench/statistics.js';
import { eventually } from '../../support/eventually.js';
import { named } from '../world/process-specs.js';
import { readLedger } from '../world/ledger.js';
import type { Member, World } from '../world/world.js';
import { defineBound, type Say } from './bound.js';
import { defaultWorkers, inWorld } from './run/in-world.js';
import { isLeading } from './run/leadership.js';

const COORDINATORS = 10;
const DUE = 2_000;
const SPREAD_MS = 5_000;

const INSERT_DUE = `
  INSERT INTO jobs (job_type, payload, scheduled_at)
  SELECT 'effect', jsonb_build_object('ref', 'due' || n), now() + random() * $2 * interval '1 millisecond'
    FROM generate_series(1, $1::int) AS n`;

/** Each stands for leader at once; and then the leader dies in the middle. */
export const TEN_COORDINATORS = defineBound({
  name: 'ten-coordinators',
  what: `${COORDINATORS} coordinators started together, ${DUE.toLocaleString('en')} jobs due within ${SPREAD_MS / 1_000} s; again, with the leader killed`,
  quantities: {
    twice: { what: 'due jobs that fired twice or never, on record or in the ledger', unit: '', limit: 0 },
    lateMs: { what: 'start after the due time, p99', unit: 'ms' },
    leaderlessMs: { what: 'from the kill of the leader until another one leads', unit: 'ms' },
    lateWithoutLeaderMs: { what: 'start after the due time with the leader killed, max', unit: 'ms' },
  },
  measure: (say: Say) => {
    const workers = defaultWorkers(2, { env: { COORDINATOR_ENABLED: 'false' } });
    return inWorld({ cast: [...workers, ...named('coordinator', COORDINATORS, {})], say }, async (world) => {
      await startTogether(world);
      say('all coordinators were killed and have started again, together');
      await insertDue(world);
      await whenDone(world, DUE);
      const late = await readLateness(world);
      await insertDue(world);
      await wait(SPREAD_MS / 2);
      const leader = await findLeader(world);
      const term = await readTerm(world);
      const killedAt = performance.now();
      await leader.process.end('SIGKILL');
      await eventually('another one leads', async () => (await readTerm(world)) !== term);
      const leaderlessMs = performance.now() - killedAt;
      say(`killed ${leader.process.name}, which led; another one led after ${Math.round(leaderlessMs)} ms`);
      await whenDone(world, 2 * DUE);
      const lateWithoutLeader = (await readLateness(world)).slice(DUE);
      return {
        twice: await countWrong(world),
        lateMs: percentile(late, 0.99),
        leaderlessMs,
        lateWithoutLeaderMs: Math.max(...lateWithoutLeader),
      };
    });
  },
});

const coordinatorsOf = ({ members }: World): Member[] =>
  members.filter(({ process }) => process.spec.role === 'coordinator');

/** All of them end at the same moment, and come back at the same moment. */
async function startTogether(world: World): Promise<void> {
  const coordinators = coordinatorsOf(world);
  await Promise.all(coordinators.map(({ process }) => process.end('SIGKILL')));
  await Promise.all(coordinators.map(({ process }) => process.whenReady()));
}

const insertDue = ({ db }: World) => db.query(INSERT_DUE, [DUE, SPREAD_MS]);

async function findLeader(world: World): Promise<Member> {
  return eventually('somebody leads', async () => {
    for (const one of coordinatorsOf(world)) if (await isLeading(one)) return one;
    return undefined;
  });
}

async function readTerm({ db }: World): Promise<number | undefined> {
  const { rows } = await db.query<{ term: number }>('SELECT term FROM coordinator_lease');
  return rows[0]?.term;
}

async function whenDone({ db }: World, count: number): Promise<void> {
  await eventually(
    'all due jobs have finished',
    async () => {
      const { rows } = await db.query<{ done: number }>(
        'SELECT count(*) AS done FROM jobs WHERE completed_at IS NOT NULL',
      );
      return rows[0]?.done === count;
    },
    60_000,
  );
}

/** Of each job, in the order of submits. Milliseconds. */
async function readLateness({ db }: World): Promise<number[]> {
  const { rows } = await db.query<{ late: number }>(
    `SELECT date_part('epoch', started_at - scheduled_at) * 1000 AS late FROM jobs ORDER BY id`,
  );
  return rows.map(({ late }) => late);
}

async function countWrong({ db, ledgerPath }: World): Promise<number> {
  const { rows } = await db.query<{ id: number; history: string[] }>(
    `SELECT j.id, ARRAY(SELECT e.status::text FROM job_executions e WHERE e.job_id = j.id) AS history FROM jobs j`,
  );
  const lines = new Map<number, number>();
  for (const { jobId } of await readLedger(ledgerPath)) lines.set(jobId, (lines.get(jobId) ?? 0) + 1);
  return rows.filter(
    ({ id, history }) => !(history.length === 1 && history[0] === 'completed' && lines.get(id) === 1),
  ).length;
}
