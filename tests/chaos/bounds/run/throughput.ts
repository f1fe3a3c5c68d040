import { setTimeout as wait } from 'node:timers/promises';
import { createClient, defineJob, openInstallation } from '../../../../index.js';
import { z } from 'zod';
import type { World } from '../../world/world.js';
import { EffectLog } from './effect-log.js';

/** The client needs the type, not the handler. */
const effect = defineJob({ type: 'effect', payload: z.object({ ref: z.string() }), run: () => undefined });
const payloadsOf = (count: number) => Array.from({ length: count }, () => ({ ref: 'load' }));

/** Jobs per second, whatever becomes of them; `saturating`: as many as are completed. */
export type Pace = number | 'saturating';

export interface Throughput {
  readonly completedPerSecond: number;
  /** From submit to completion, by the database's clock. */
  readonly p99Ms: number;
  /** What else happened meanwhile: how much `count` rose. */
  readonly countedPerSecond: number;
}

export interface Measurement {
  readonly pace: Pace;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly count: () => Promise<number>;
}

const STEP_MS = 50;
/** So many jobs wait all the time: nobody is ever idle, and the lanes stay short. */
const OUTSTANDING = 3_000;
const BATCH = 500;

/** Submits with the library, past the links. */
export interface LoadClient {
  submitMany(count: number): Promise<void>;
  /** So far. */
  readonly submitted: number;
  close(): Promise<void>;
}

export async function openClient({ servers }: World): Promise<LoadClient> {
  const installation = await openInstallation({
    postgres: { connectionString: servers.postgresUrl, applicationName: 'load' },
    redis: { url: servers.redisUrl as string },
  });
  const client = await createClient({ installation });
  let submitted = 0;
  return {
    get submitted() {
      return submitted;
    },
    async submitMany(count) {
      submitted += (await client.submitMany(effect, payloadsOf(count))).length;
    },
    close: () => installation.close(),
  };
}

const CLOCK = 'SELECT clock_timestamp()::text AS now';
const READ_THROUGHPUT = `
  SELECT count(*) / date_part('epoch', $2::timestamptz - $1::timestamptz) AS "completedPerSecond",
         percentile_cont(0.99) WITHIN GROUP (ORDER BY date_part('epoch', completed_at - created_at) * 1000) AS "p99Ms"
    FROM jobs WHERE id > $3 AND completed_at >= $1::timestamptz AND completed_at < $2::timestamptz`;

/** Puts load on the world for a while, and reads from the tables what was completed in it. Leaves nothing unfinished. */
export async function measureThroughput(
  world: World,
  client: LoadClient,
  { pace, warmUpMs, windowMs, count }: Measurement,
): Promise<Throughput> {
  const { db } = world;
  const { rows } = await db.query<{ last: number }>('SELECT COALESCE(max(id), 0) AS last FROM jobs');
  const now = async () => (await db.query<{ now: string }>(CLOCK)).rows[0]?.now;
  const load = pace === 'saturating' ? saturate(world, client) : submitSteadily(client, pace);
  await wait(warmUpMs);
  const before = await count();
  const from = await now();
  await wait(windowMs);
  const to = await now();
  const countedPerSecond = (((await count()) - before) * 1_000) / windowMs;
  await load.stop();
  await whenFinished(world);
  const read = await db.query<Omit<Throughput, 'countedPerSecond'>>(READ_THROUGHPUT, [
    from,
    to,
    rows[0]?.last,
  ]);
  return { ...(read.rows[0] as Throughput), countedPerSecond };
}

interface RunningLoad {
  stop(): Promise<void>;
}

/** Keeps its pace on average: a submit that took long is made up for. */
function submitSteadily(client: LoadClient, perSecond: number): RunningLoad {
  const startedAt = performance.now();
  let submitted = 0;
  return whileRunning(async () => {
    const due = Math.round(((performance.now() - startedAt) * perSecond) / 1_000) - submitted;
    submitted += due;
    if (due > 0) await client.submitMany(due);
    await wait(STEP_MS);
  });
}

function saturate(world: World, client: LoadClient): RunningLoad {
  const effects = new EffectLog(world);
  let submitted: number | undefined;
  return whileRunning(async () => {
    const begun = (await effects.read()).length;
    submitted ??= begun;
    if (submitted - begun >= OUTSTANDING) return wait(5);
    submitted += BATCH;
    await client.submitMany(BATCH);
  });
}

function whileRunning(step: () => Promise<void>): RunningLoad {
  let isStopping = false;
  const loop = (async () => {
    while (!isStopping) await step();
  })();
  loop.catch(() => undefined);
  return {
    stop() {
      isStopping = true;
      return loop;
    },
  };
}

async function whenFinished({ db }: World): Promise<void> {
  for (;;) {
    const { rows } = await db.query('SELECT 1 FROM jobs WHERE completed_at IS NULL LIMIT 1');
    if (rows.length === 0) return;
    await wait(50);
  }
}
