import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createClient } from '../../shared/client/create-client.js';
import { openInstallation } from '../../shared/installation.js';
import { createDatabase, type DatabaseOptions } from '../../shared/postgres/create-database.js';
import { migrate, readMigrationStatus } from '../../shared/postgres/migrate.js';
import { createWorker } from '../../workers/create-worker.js';
import { databaseUrl } from '../support/database-url.js';
import { eventually } from '../support/eventually.js';
import { hasPgBouncer, SERVER_CONNECTIONS, startPrivatePgBouncer } from '../support/private-pgbouncer.js';
import { startProxyTo } from '../support/tcp-proxy.js';
import { actJob } from '../support/test-jobs.js';

/** What is needed once behind PgBouncer, and what it says when it refuses; on a database without tables. */
(hasPgBouncer ? describe : describe.skip)('PgBouncer in transaction mode', () => {
  const serverUrl = process.env.HOLDFAST_TEST_POSTGRES_URL ?? '';
  const endings: (() => Promise<unknown>)[] = [];
  let name: string;
  let direct: string;

  async function onServer(text: string, url = serverUrl): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(text).finally(() => client.end());
    return rows;
  }
  beforeEach(async () => {
    name = `holdfast_pgbouncer_${randomBytes(4).toString('hex')}`;
    direct = databaseUrl(serverUrl, name);
    await onServer(`CREATE DATABASE ${name}`);
    endings.push(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`));
  });
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });

  async function pool(settings: Record<string, string> = {}, postgresUrl = direct): Promise<string> {
    const bouncer = await startPrivatePgBouncer(postgresUrl, settings);
    endings.push(() => bouncer.close());
    return bouncer.url;
  }
  function connect(options: DatabaseOptions) {
    const db = createDatabase(options);
    endings.push(() => db.close());
    return db;
  }
  /** One query on each of its connections to PostgreSQL: at the same time, so that none is asked twice. */
  const onEachConnection = async (connectionString: string, text: string) => {
    const db = connect({ connectionString });
    const asked = Array.from({ length: SERVER_CONNECTIONS }, () => db.query(`${text} FROM pg_sleep(0.3)`));
    return (await Promise.all(asked)).flatMap(({ rows }) => rows);
  };

  describe('migrations', () => {
    test.each(['public', 'jobs_b'])(
      'of ten processes that boot at once are run by one, in schema %s',
      async (schema) => {
        const options = { connectionString: await pool(), schema };
        const ran = await Promise.all(Array.from({ length: 10 }, () => migrate('up', options)));
        expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
        expect((await readMigrationStatus(options)).every(({ isApplied }) => isApplied)).toBe(true);
        expect(
          await onServer(
            `SELECT schema_name FROM information_schema.schemata s
          WHERE EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = s.schema_name AND tablename = 'jobs')`,
            direct,
          ),
        ).toEqual([{ schema_name: schema }]);
      },
    );

    test('leave no lock and no setting on the connections, also when nothing is to do or one fails', async () => {
      const connectionString = await pool();
      const ours = ['search_path', 'lock_timeout'];
      const states = () =>
        onEachConnection(
          connectionString,
          `SELECT (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name = ANY ('{${ours.join()}}')) AS settings,
                  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks`,
        );
      const before = await states();
      await migrate('up', { connectionString, schema: 'jobs_b' });
      await migrate('up', { connectionString, schema: 'jobs_b' });
      await migrate('down', { connectionString, schema: 'jobs_b' });
      await onServer('CREATE TABLE public.jobs ()', direct);
      await expect(migrate('up', { connectionString })).rejects.toThrow('already exists');
      expect(await states()).toEqual(before);
      expect(before[0]).toMatchObject({ locks: 0 });
    });

    test('take the direct address where there is one', async () => {
      await migrate('up', {
        connectionString: 'postgres://localhost:1/nowhere',
        directConnectionString: direct,
      });
      expect(
        (await readMigrationStatus({ connectionString: direct })).every(({ isApplied }) => isApplied),
      ).toBe(true);
    });
  });

  describe('a schema of its own', () => {
    const schema = 'jobs_b';

    test('is refused by default: the error says what to do', async () => {
      const postgres = { connectionString: await pool(), schema };
      await migrate('up', postgres);
      await expect(openInstallation({ postgres })).rejects.toThrow(
        /unsupported startup parameter: options\. .*set search_path for the role.*docs\/pgbouncer\.md/,
      );
    });

    test('works when PgBouncer ignores the parameter and PostgreSQL has the search_path; else it is told', async () => {
      const postgres = { connectionString: await pool({ ignore_startup_parameters: 'options' }), schema };
      await migrate('up', postgres);
      await expect(openInstallation({ postgres })).rejects.toThrow(
        /has no Holdfast tables in schema "jobs_b".*docs\/pgbouncer\.md/,
      );
      await migrate('up', { connectionString: direct });
      await expect(openInstallation({ postgres })).rejects.toThrow(
        /in schema "public", but DATABASE_SCHEMA is "jobs_b"/,
      );
      await onServer(`ALTER DATABASE ${name} SET search_path = ${schema}`);

      const again = { connectionString: await pool({ ignore_startup_parameters: 'options' }), schema };
      const installation = await openInstallation({ postgres: again });
      endings.push(() => installation.close());
      const echo = actJob('echo', (payload) => payload);
      const client = await createClient({ installation });
      const { id } = await client.submit(echo, { in: schema });
      await createWorker({ installation, jobs: [echo] }).runUntilEmpty();
      expect(await client.result(id)).toEqual({ in: schema });
      expect(await onServer('SELECT count(*)::int AS n FROM public.jobs', direct)).toEqual([{ n: 0 }]);
    });
  });

  test('a table of the application’s own that comes first in the search_path is told', async () => {
    await migrate('up', { connectionString: direct });
    await onServer('CREATE SCHEMA app; CREATE TABLE app.jobs (id int)', direct);
    await onServer(`ALTER DATABASE ${name} SET search_path = app, public`);
    await expect(openInstallation({ postgres: { connectionString: await pool() } })).rejects.toThrow(
      'connections find a table "jobs" in schema "app" before Holdfast\'s in "public"',
    );
  });

  describe('what it cannot serve is unavailable, and certainly not done', () => {
    const isRefused = (message: string) => ({
      kind: 'unavailable',
      sqlState: '08P01',
      wasSent: false,
      message: expect.stringContaining(message) as unknown,
    });

    test('when all its connections to PostgreSQL are taken for too long', async () => {
      const connectionString = await pool({ query_wait_timeout: '1' });
      const db = connect({ connectionString });
      const holding = Array.from({ length: SERVER_CONNECTIONS }, () =>
        db.transaction((tx) => tx.query('SELECT pg_sleep(4)')),
      );
      await eventually('all of them are taken', async () => {
        const sleeping = `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND query = 'SELECT pg_sleep(4)'`;
        return (await onServer(sleeping)).length === SERVER_CONNECTIONS;
      });
      await expect(db.query('SELECT 1')).rejects.toMatchObject(isRefused('query_wait_timeout'));
      await Promise.all(holding);
      expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    test('when PostgreSQL is away', async () => {
      const proxy = await startProxyTo(direct);
      endings.push(() => proxy.close());
      const connectionString = await pool({ query_wait_timeout: '1', server_login_retry: '1' }, proxy.url);
      const db = connect({ connectionString });
      proxy.refuse();
      proxy.cut();
      // It hopes for a while; from then on it refuses at once.
      await expect(db.query('SELECT 1')).rejects.toMatchObject(isRefused('query_wait_timeout'));
      await expect(db.query('SELECT 1')).rejects.toMatchObject(isRefused('server_login_retry'));
      proxy.accept();
      await eventually('it is back', () => db.query('SELECT 1').catch(() => undefined));
    });

    test('when it has too many clients', async () => {
      const connectionString = await pool({ max_client_conn: '3' });
      const crowd = connect({ connectionString, poolSize: 3 });
      await Promise.all(Array.from({ length: 3 }, () => crowd.query('SELECT pg_sleep(0.2)')));
      await expect(connect({ connectionString }).query('SELECT 1')).rejects.toMatchObject(
        isRefused('max_client_conn'),
      );
    });
  });
});
