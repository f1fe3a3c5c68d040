import { cpus, totalmem } from 'node:os';
import { createClient } from '../shared/client/create-client.js';
import { openInstallation } from '../shared/installation.js';
import { markEpoch } from '../shared/redis/lane-contents.js';
import { createDatabase } from '../shared/postgres/create-database.js';
import { Coordinator } from '../workers/coordinator/coordinator.js';
import { POSTGRES_SETTINGS, REDIS_SETTINGS, startBenchServers } from './bench-servers.js';
import { measureDrain, type Drain } from './measures/drain.js';
import { measureLateness } from './measures/due.js';
import { measurePickUp, type Latency } from './measures/pick-up.js';
import { measureBulkSubmit, measureSingleSubmits } from './measures/submit.js';
import { noop, noopPayloads } from './noop-job.js';
import { median } from './statistics.js';

const REPETITIONS = Number(process.env.BENCH_REPETITIONS ?? 3);
const DRAIN_JOBS = 100_000;
const CONCURRENCY = 1_000;
const BACKLOG = Number(process.env.BENCH_BACKLOG ?? 1_000_000);

const servers = await startBenchServers();
const installation = await openInstallation({
  postgres: { connectionString: servers.postgresUrl },
  redis: servers.redisUrl === null ? null : { url: servers.redisUrl },
});
const client = await createClient({ installation });
const db = createDatabase({ connectionString: servers.postgresUrl });
const coordinator = new Coordinator({ installation });
await coordinator.start();
const say = (text: string) => console.error(text);

async function empty(): Promise<void> {
  await db.query('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
  const { lanes } = installation;
  if (!lanes) return;
  const keys = await lanes.connection.keys(`${lanes.keys('default').base}*`);
  if (keys.length > 0) await lanes.connection.unlink(...keys);
  // As in any installation that has run for a while: Redis is known to hold what it should.
  await markEpoch(lanes, 'default');
}

async function submitMany(count: number): Promise<void> {
  const payloads = noopPayloads(1_000);
  for (let sent = 0; sent < count; sent += 4_000) {
    await Promise.all([1, 2, 3, 4].map(() => client.submitMany(noop, payloads)));
  }
}

const bulk: number[] = [];
const single: number[] = [];
const drains: Drain[] = [];
const drainsOfTwo: Drain[] = [];
const latencies: Latency[] = [];
for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
  say(`repetition ${repetition} of ${REPETITIONS}`);
  await empty();
  bulk.push(await measureBulkSubmit(client, DRAIN_JOBS, 500, 4));
  drains.push(await measureDrain(servers, DRAIN_JOBS, CONCURRENCY));
  say(`  bulk submit ${bulk.at(-1)}/s, drain ${drains.at(-1)?.jobsPerSecond}/s`);
  await submitMany(DRAIN_JOBS);
  drainsOfTwo.push(await measureDrain(servers, DRAIN_JOBS, CONCURRENCY / 2, 2));
  await empty();
  single.push(await measureSingleSubmits(client, 20_000, 64));
  await empty();
  latencies.push(await measurePickUp(servers, client, 200));
  say(
    `  two processes ${drainsOfTwo.at(-1)?.jobsPerSecond}/s, single submits ${single.at(-1)}/s, pick-up ${JSON.stringify(latencies.at(-1))}`,
  );
}

await empty();
const lateness = await measureLateness(servers, client, db, 300);

await empty();
let backlogDrain: Drain | undefined;
if (BACKLOG > 0) {
  say(`backlog of ${BACKLOG} jobs`);
  await submitMany(BACKLOG);
  backlogDrain = await measureDrain(servers, DRAIN_JOBS, CONCURRENCY);
}

const { rows } = await db.query<{ version: string }>('SHOW server_version').then(({ rows: [row] }) => ({
  rows: [{ version: String(Object.values(row ?? {})[0]) }],
}));
const row = (name: string, value: string | number) => console.log(`| ${name} | ${value} |`);
console.log(
  `\n${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB · Node ${process.version} · PostgreSQL ${rows[0]?.version} · medians of ${REPETITIONS}`,
);
console.log(`PostgreSQL ${JSON.stringify(POSTGRES_SETTINGS)} · Redis ${JSON.stringify(REDIS_SETTINGS)}\n`);
row('measure', 'result');
row('---', '---');
row('bulk submit, 500 a statement, 4 in flight, jobs/s', median(bulk));
row('single submits, 64 in flight, jobs/s', median(single));
row(
  `drain of ${DRAIN_JOBS} no-op jobs, one process, concurrency ${CONCURRENCY}, jobs/s`,
  median(drains.map((d) => d.jobsPerSecond)),
);
row(`the same, two processes of ${CONCURRENCY / 2}, jobs/s`, median(drainsOfTwo.map((d) => d.jobsPerSecond)));
row(
  'pick-up when idle, p50 / p95 / p99, ms',
  (['p50Ms', 'p95Ms', 'p99Ms'] as const).map((p) => median(latencies.map((l) => l[p]))).join(' / '),
);
row(
  'a job for later starts after its time, p50 / p95 / p99, ms',
  `${lateness.p50Ms} / ${lateness.p95Ms} / ${lateness.p99Ms}`,
);
if (backlogDrain) {
  row(`first ${DRAIN_JOBS} of a backlog of ${BACKLOG}, jobs/s`, backlogDrain.jobsPerSecond);
  row('worker memory with that backlog, MB', backlogDrain.rssMb);
}
await coordinator.stop();
await installation.close();
await db.close();
await servers.stop();
