/** The handlers of the chaos runs, loaded by real workers. Each begins with an effect in the ledger. */
import { setTimeout as wait } from 'node:timers/promises';
import { defineJob, PermanentError, SnoozeError, TransientError, type JobContext } from 'holdfast';
import pg from 'pg';
import { z } from 'zod';
import { openLedger } from '../world/ledger.js';

const record = openLedger(process.env.CHAOS_LEDGER ?? '');
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4, query_timeout: 10_000 });
database.on('error', () => undefined);
// One that breaks while a handler uses it emits an error besides.
database.on('connect', (client) => void client.on('error', () => undefined));

const payloadSchema = z.object({ ref: z.string(), ms: z.number().default(0), times: z.number().default(0) });
type Payload = z.output<typeof payloadSchema>;

function chaosJob(type: string, run: (payload: Payload, ctx: JobContext) => unknown) {
  return defineJob({
    type,
    payload: payloadSchema,
    retry: { baseDelayMs: 100, maxDelayMs: 1_000 },
    run(payload, ctx) {
      record({ jobId: ctx.jobId, attempt: ctx.attempt, jobType: type, ref: payload.ref });
      return run(payload, ctx);
    },
  });
}

function blockEventLoop(ms: number): void {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

const circular: Record<string, unknown> = {};
circular.self = circular;
const UNSTORABLE = [circular, { n: 1n }, { text: 'zero \u0000' }, { text: 'x'.repeat(10_000_000) }];

/** Completes inside a transaction of its own: its row in chaos_effects is there exactly once. */
async function completeInTransaction(payload: Payload, ctx: JobContext): Promise<void> {
  const client = await database.connect();
  let failure: Error | undefined;
  try {
    await client.query('BEGIN');
    await client.query('INSERT INTO chaos_effects (job_id, attempt) VALUES ($1, $2)', [
      ctx.jobId,
      ctx.attempt,
    ]);
    await ctx.complete(client, { ref: payload.ref });
    await client.query('COMMIT');
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    // A connection in the middle of a transaction goes back to nobody.
    client.release(failure);
  }
}

/** Numbers, not objects: the collector gives up soon instead of looking at each of them again and again. */
function exhaustMemory(): never {
  const hoard: number[][] = [];
  for (;;) hoard.push(Array.from({ length: 1_000_000 }, () => Math.random()));
}

export default [
  chaosJob('effect', ({ ref }) => ({ ref })),
  chaosJob('probe', () => undefined),
  chaosJob('slow', ({ ms }) => wait(ms)),
  chaosJob('flaky', ({ times }, { attempt }) => {
    if (attempt <= times) throw new TransientError(`attempt ${attempt} fails`);
  }),
  chaosJob('permanent', () => {
    throw new PermanentError('this never works');
  }),
  chaosJob('exhausted', () => {
    throw new TransientError('this does not work either');
  }),
  chaosJob('snoozy', (_payload, { attempt }) => {
    if (attempt === 1) throw new SnoozeError(300);
  }),
  chaosJob('unstorable', ({ times }) => UNSTORABLE[times]),
  chaosJob('transactional', completeInTransaction),
  chaosJob('patient', ({ ms }, { signal }) => wait(ms, undefined, { signal })),
  chaosJob('blocker', ({ ms }) => blockEventLoop(ms)),
  chaosJob('overdue', async () => {
    await wait(20);
    blockEventLoop(600_000);
  }),
  chaosJob('memory', exhaustMemory),
  chaosJob('exit', ({ times }, { attempt }) => {
    if (attempt <= times) process.exit(3);
  }),
  chaosJob('deaf', ({ ms }) => wait(ms)),
];
