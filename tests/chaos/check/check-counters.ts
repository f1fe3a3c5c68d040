import { request } from 'undici';
import type { Member, World } from '../world/world.js';
import type { Promises } from '../load/promises.js';
import { violationsOf, type Violation } from './violation.js';

interface Comparison {
  readonly process: string;
  readonly counter: string;
  readonly counted: number;
  readonly recorded: number;
  /** More than `recorded` that it may be, where an answer was left open. */
  readonly leeway?: number;
}

/** Attempts that the process itself settled: a claim whose reply was lost is released by another way, uncounted. */
const SETTLED_BY = `
  SELECT CASE WHEN e.status IN ('failed', 'timed_out') THEN 'failed' ELSE e.status::text END AS status, count(*) AS n
    FROM job_executions e JOIN workers w ON w.id = e.worker_id
   WHERE w.pid = $1 AND e.status NOT IN ('lost', 'cancelled')
     AND e.error_message IS DISTINCT FROM 'the reply to the claim was lost'
   GROUP BY 1`;

/** What the processes count that lived through it all, against the tables and what they acknowledged. */
export async function checkCounters(world: World, promises: Promises): Promise<Violation[]> {
  const survivors = world.members.filter(({ process }) => process.pids.length === 1);
  const comparisons = await Promise.all(
    survivors.map((member) => {
      const { role } = member.process.spec;
      if (role === 'worker') return compareWorker(world, member);
      return role === 'api' ? compareApi(promises, member) : Promise.resolve([]);
    }),
  );
  return violationsOf(
    'a counter of a process that survived disagrees with the tables',
    comparisons
      .flat()
      .filter(({ counted, recorded, leeway = 0 }) => counted < recorded || counted > recorded + leeway),
    ({ process, counter, counted, recorded }) =>
      `${process}: ${counter} is ${counted}, on record are ${recorded}`,
  );
}

async function compareWorker({ db }: World, { process, url }: Member): Promise<Comparison[]> {
  const counters = await readCounters(url);
  const { rows } = await db.query<{ status: string; n: number }>(SETTLED_BY, [process.pid]);
  const recorded = (status: string) => rows.find((row) => row.status === status)?.n ?? 0;
  const counted = (...kinds: string[]) =>
    kinds.reduce((sum, kind) => sum + sumOf(counters, 'jobs_processed_total', `status="${kind}"`), 0);
  return [
    { status: 'completed', counted: counted('completed') },
    { status: 'failed', counted: counted('retried', 'dead_letter') },
    { status: 'released', counted: counted('snoozed', 'released') },
  ].map(({ status, counted }) => ({
    process: process.name,
    counter: `jobs_processed_total (${status})`,
    counted,
    recorded: recorded(status),
  }));
}

async function compareApi(promises: Promises, { process, url }: Member): Promise<Comparison[]> {
  const counters = await readCounters(url);
  const { submitted, cancelled, maybeSubmitted, maybeCancelled } = promises.answersOf(process.name);
  return [
    {
      process: process.name,
      counter: 'jobs_submitted_total',
      counted: sumOf(counters, 'jobs_submitted_total'),
      recorded: submitted,
      leeway: maybeSubmitted,
    },
    {
      process: process.name,
      counter: 'jobs_processed_total (cancelled)',
      counted: sumOf(counters, 'jobs_processed_total', 'status="cancelled"'),
      recorded: cancelled,
      leeway: maybeCancelled,
    },
  ];
}

async function readCounters(url: string): Promise<string[]> {
  const { body } = await request(`${url}/metrics`);
  return (await body.text()).split('\n');
}

const sumOf = (lines: readonly string[], name: string, label = ''): number =>
  lines
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
