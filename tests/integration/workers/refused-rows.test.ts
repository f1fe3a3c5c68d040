import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import type { Service } from '../../../shared/lifecycle/service.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';

/** A trigger of somebody's own refuses what is done with some rows: nobody else's job may wait for that. */
const withRedis = await createTestInstallation();
const withoutRedis = await createTestInstallation({ redis: false });
const stopping: Service[] = [];
type Home = typeof withRedis;

afterEach(async () => {
  for (const service of stopping.splice(0)) await service.stop();
});
afterAll(async () => {
  await withRedis.close();
  await withoutRedis.close();
});

/** As a person's own word does, or a CHECK of theirs. */
async function refuse(db: Home, status: string, code = 'raise_exception') {
  await db.sql(`
    CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'not on a Sunday' USING ERRCODE = '${code}'; END $$;
    CREATE TRIGGER refuse_bad BEFORE UPDATE ON jobs FOR EACH ROW
      WHEN (NEW.job_type = 'bad' AND NEW.status = '${status}') EXECUTE FUNCTION refuse_bad()`);
  let isGone = false;
  return async () => {
    if (!isGone) await db.sql('DROP TRIGGER refuse_bad ON jobs; DROP FUNCTION refuse_bad()');
    isGone = true;
  };
}

async function work(db: Home, jobs: Parameters<typeof createWorker>[0]['jobs'], concurrency: number) {
  const worker = createWorker({ installation: db.installation, jobs, concurrency, pollIntervalMs: 100 });
  stopping.push(worker);
  await worker.start();
}

describe.each(hasRedis ? [['with', withRedis] as const, ['without', withoutRedis] as const] : [])(
  '%s Redis: a row that is refused',
  (_how, db) => {
    const good = actJob('good', () => 'done');
    const bad = actJob('bad', () => 'done at last');

    test('at its claim keeps no other job from being claimed, and runs when it is let', async () => {
      const allow = await refuse(db, 'running');
      const client = await createClient(db);
      // Before there is a worker, so that they are claimed together; as many as it has slots.
      const refused = await client.submitMany(bad, [{}, {}, {}, {}], { priority: 90 });
      const others = await client.submitMany(good, [{}, {}, {}, {}]);
      await work(db, [good, bad], 4);
      for (const { id } of others) expect(await client.result(id)).toBe('done');
      expect(await db.sql(`SELECT DISTINCT status, attempt FROM jobs WHERE job_type = 'bad'`)).toEqual([
        { status: 'pending', attempt: 0 },
      ]);
      await allow();
      for (const { id } of refused) expect(await client.result(id)).toBe('done at last');
    });

    test('at its settle keeps no other outcome from being recorded, and is recorded when it is let', async () => {
      const allow = await refuse(db, 'completed', db === withRedis ? 'raise_exception' : 'check_violation');
      const client = await createClient(db);
      const held = new HeldRuns();
      await work(db, [held.job, bad], 4);
      const first = await client.submit(held.job, {});
      const run = await held.run(0);
      // Each in a batch of its own: as many of them as may be under way at once.
      const refused = [];
      for (const n of [1, 2]) {
        const delayed = new Promise((resolve) => db.installation.events.once('settleDelayed', resolve));
        refused.push(await client.submit(bad, { n }));
        await delayed;
      }
      run.end('innocent');
      expect(await client.result(first.id)).toBe('innocent');
      await allow();
      for (const { id } of refused) expect(await client.result(id)).toBe('done at last');
      expect(
        await db.sql('SELECT DISTINCT attempt FROM job_executions WHERE job_id = ANY ($1::bigint[])', [
          refused.map(({ id }) => id),
        ]),
      ).toEqual([{ attempt: 1 }]);
    });
  },
);

test('a worker whose outcome is refused stops in time, and leaves its job to the rescue', async () => {
  const db = withoutRedis;
  const allow = await refuse(db, 'completed');
  const client = await createClient(db);
  const worker = createWorker({
    installation: db.installation,
    jobs: [actJob('bad', () => undefined)],
    shutdownTimeoutMs: 200,
  });
  await worker.start();
  const delayed = new Promise((resolve) => db.installation.events.once('settleDelayed', resolve));
  const { id } = await client.submit(
    actJob('bad', () => undefined),
    {},
  );
  await delayed;
  await worker.stop();
  await allow();
  expect((await client.get(id))?.status).toBe('running');
  await eventually(
    'its claim is on record',
    async () => (await db.sql('SELECT 1 FROM claim_batches WHERE $1 = ANY (job_ids)', [id])).length === 1,
  );
});
