import { afterEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../shared/installation.js';
import { ANNOUNCEMENT_CHANNEL } from '../../shared/jobs/dispatch-announced.js';
import { silentLogger } from '../../shared/observe/logger.js';
import type { DatabaseOptions } from '../../shared/postgres/create-database.js';
import { createAnnouncementListener } from '../../workers/coordinator/announcement-listener.js';
import { eventually } from '../support/eventually.js';
import { hasPgBouncer, SERVER_CONNECTIONS, startPrivatePgBouncer } from '../support/private-pgbouncer.js';
import { startProxyTo } from '../support/tcp-proxy.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../support/test-installation.js';
import { actJob } from '../support/test-jobs.js';

/** Jobs submitted by plain SQL are put on their lane by the listener alone: no worker, sweep or promoter runs here. */
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function createDb(): Promise<TestInstallation> {
  const db = await createTestInstallation();
  endings.push(() => db.close());
  return db;
}

async function listen(db: TestInstallation, postgres: DatabaseOptions) {
  const warnings: string[] = [];
  const installation = await openInstallation({
    postgres,
    redis: { url: db.redisUrl! },
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
  });
  endings.push(() => installation.close());
  const listener = createAnnouncementListener(installation);
  endings.push(() => listener.stop());
  await listener.start();
  return { installation, listener, warnings };
}

const insert = async (db: TestInstallation): Promise<number> =>
  (await db.sql<{ id: number }>(`INSERT INTO jobs (job_type) VALUES ('x') RETURNING id`))[0]!.id;

async function idsInRedis({ lanes }: Installation): Promise<number[]> {
  const keys = lanes!.keys('default');
  const lists = [keys.handoff, keys.lane(50)].map((list) => lanes!.connection.lrange(list, 0, -1));
  return (await Promise.all(lists)).flat().map(Number);
}
const dispatched = (installation: Installation, id: number) =>
  eventually(`job ${id} is on its lane`, async () => (await idsInRedis(installation)).includes(id));

/** The third is submitted when no look for jobs is under way any more: what was found then was heard. */
async function hears(db: TestInstallation, installation: Installation): Promise<void> {
  for (let i = 0; i < 3; i++) await dispatched(installation, await insert(db));
}
const someoneListens = (db: TestInstallation) =>
  eventually('somebody listens', async () => {
    const listeners = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = $1`;
    return (await db.sql(listeners, [`LISTEN ${ANNOUNCEMENT_CHANNEL}`])).length > 0;
  });

(hasRedis ? describe : describe.skip)('announcements', () => {
  test('are heard', async () => {
    const db = await createDb();
    const { installation, warnings } = await listen(db, db);
    await someoneListens(db);
    await hears(db, installation);
    expect(warnings).toEqual([]);
  });

  test('that were made before anybody listened are made up for', async () => {
    const db = await createDb();
    const id = await insert(db);
    const { installation } = await listen(db, db);
    await dispatched(installation, id);
  });

  test('go on when the connection falls silent', async () => {
    const db = await createDb();
    const proxy = await startProxyTo(db.connectionString);
    endings.push(() => proxy.close());
    const { installation, warnings } = await listen(db, { ...db, directConnectionString: proxy.url });
    await someoneListens(db);
    await hears(db, installation);
    proxy.freezeExisting();
    await dispatched(installation, await insert(db));
    expect(warnings).toEqual([]);
  });

  test('keep nobody from stopping when PostgreSQL no longer answers', async () => {
    const db = await createDb();
    const proxy = await startProxyTo(db.connectionString);
    endings.push(() => proxy.close());
    const { listener } = await listen(db, { connectionString: proxy.url });
    await someoneListens(db);
    proxy.freezeAll();
    await listener.stop();
    proxy.thaw();
  });

  test('of another database are not waited for: it is told, and jobs are looked for', async () => {
    const db = await createDb();
    const other = await createDb();
    const { installation, warnings } = await listen(db, {
      ...db,
      directConnectionString: other.connectionString,
    });
    await dispatched(installation, await insert(db));
    await eventually('it is told', () => warnings.length > 0);
    await dispatched(installation, await insert(db));
    expect(warnings).toEqual([expect.stringContaining('name the same database?')]);
  });
});

(hasRedis && hasPgBouncer ? describe : describe.skip)('behind PgBouncer', () => {
  async function createPooled(settings: Record<string, string> = {}) {
    const db = await createDb();
    const bouncer = await startPrivatePgBouncer(db.connectionString, settings);
    endings.push(() => bouncer.close());
    return { db, url: bouncer.url };
  }

  test('jobs are looked for, which is told once, and nobody listens to them unheard', async () => {
    const { db, url } = await createPooled();
    const { installation, warnings } = await listen(db, { connectionString: url });
    await eventually('it is told', () => warnings.length > 0);
    await dispatched(installation, await insert(db));
    await dispatched(installation, await insert(db));
    expect(warnings).toEqual([expect.stringMatching(/PgBouncer in transaction mode.*DATABASE_DIRECT_URL/)]);
    // All of the pooler's connections at the same time.
    const channels = await Promise.all(
      Array.from({ length: SERVER_CONNECTIONS }, () =>
        installation.db.query('SELECT pg_listening_channels() FROM pg_sleep(0.3)'),
      ),
    );
    expect(JSON.stringify(channels.map(({ rows }) => rows))).not.toContain(ANNOUNCEMENT_CHANNEL);
  });

  test('a job is found also when others with higher ids were committed long before', async () => {
    const { db, url } = await createPooled();
    const { installation } = await listen(db, { connectionString: url });
    let late = 0;
    await db.installation.db.transaction(async (tx) => {
      const { rows } = await tx.query(`INSERT INTO jobs (job_type) VALUES ('late') RETURNING id`);
      late = (rows[0] as { id: number }).id;
      for (let i = 0; i < 3; i++) await dispatched(installation, await insert(db));
    });
    await dispatched(installation, late);
  });

  test('jobs that their submitters pushed are not pushed again', async () => {
    const { db, url } = await createPooled();
    const { installation } = await listen(db, { connectionString: url });
    const client = await createClient({ installation });
    const job = actJob('x', () => undefined);
    const pushed = await Promise.all(Array.from({ length: 300 }, () => client.submit(job, {})));
    const inserted = [];
    for (let i = 0; i < 3; i++) {
      inserted.push(await insert(db));
      await dispatched(installation, inserted.at(-1)!);
    }
    const ids = await idsInRedis(installation);
    expect(ids.sort((a, b) => a - b)).toEqual([...pushed.map(({ id }) => id), ...inserted]);
  });

  test('in session mode they are heard', async () => {
    const { db, url } = await createPooled({ pool_mode: 'session', default_pool_size: '20' });
    const { installation, warnings } = await listen(db, { connectionString: url });
    await someoneListens(db);
    await hears(db, installation);
    expect(warnings).toEqual([]);
  });

  test('with a direct address they are heard', async () => {
    const { db, url } = await createPooled();
    const { installation, warnings } = await listen(db, {
      connectionString: url,
      directConnectionString: db.connectionString,
    });
    await someoneListens(db);
    await hears(db, installation);
    expect(warnings).toEqual([]);
  });
});
