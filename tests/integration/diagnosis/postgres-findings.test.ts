import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { holdLease } from '../../../shared/coordination/lease.js';
import { judgeClock, readClock } from '../../../shared/diagnosis/clock.js';
import { diagnose, type DiagnoseOptions } from '../../../shared/diagnosis/diagnose.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

let home: TestInstallation;
const sql = <Row>(text: string, values?: unknown[]) => home.sql<Row>(text, values);
beforeEach(async () => {
  home = await createTestInstallation({ redis: false });
});
afterEach(() => home.close());

const SMALL = { poolSize: 3, queueCount: 1, coordinates: false };

/** What one check finds. */
async function find(check: string, options: Partial<DiagnoseOptions> = {}) {
  const postgres = { connectionString: home.connectionString };
  const found = await diagnose({ postgres, redis: null, size: SMALL, ...options });
  return found.filter((finding) => finding.check === check);
}

describe('open transactions', () => {
  let holder: pg.Client;
  beforeEach(async () => {
    holder = new pg.Client({ connectionString: home.connectionString, application_name: 'forgetful' });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1');
  });
  afterEach(() => holder.end());

  test('one that is older than the limit is told with who has it', async () => {
    const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const pid = rows[0]!.pid;
    const [finding, ...others] = await find('postgres.transactions', {
      transactionAges: { idleMs: 0, anyMs: 300_000 },
    });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      level: 'warning',
      what: expect.stringMatching(
        new RegExp(`open for \\d+ m?s: pid ${pid}, application "forgetful", user \\w+, idle in transaction$`),
      ),
      remedy: expect.stringContaining(`SELECT pg_terminate_backend(${pid})`),
    });
  });

  test('young ones are nobody’s business', async () => {
    expect(await find('postgres.transactions')).toMatchObject([{ level: 'ok' }]);
  });

  test('those of other roles, which a plain role may not see, are told to be hidden', async () => {
    const limited = await createRole();
    try {
      expect(
        await find('postgres.transactions', {
          postgres: { connectionString: limited.url },
          transactionAges: { idleMs: 0, anyMs: 0 },
        }),
      ).toMatchObject([{ level: 'ok', what: expect.stringMatching(/cannot be read \(\d+ sessions\)/) }]);
    } finally {
      await limited.drop();
    }
  });
});

describe('migrations', () => {
  test('a missing one is a problem, and what needs the tables is not looked at', async () => {
    await sql(`DELETE FROM holdfast_migrations WHERE name = '0004_functions'`);
    expect(await find('migrations')).toMatchObject([
      {
        level: 'problem',
        what: expect.stringContaining('0004_functions'),
        remedy: 'Run `holdfast migrate up`.',
      },
    ]);
    expect(await find('queues')).toEqual([]);
  });

  test('one that this version does not know is a warning', async () => {
    await sql(`INSERT INTO holdfast_migrations (name, run_on) VALUES ('9999_later', now())`);
    expect(await find('migrations')).toMatchObject([
      { level: 'warning', what: expect.stringContaining('9999_later') },
    ]);
  });

  test('all of them, and no more, is fine', async () => {
    expect(await find('migrations')).toMatchObject([{ level: 'ok' }]);
  });
});

describe('queues', () => {
  const serve = (queue: string, jobTypes: string[]) =>
    registerWorker(home.installation.db, `w-${queue}`, {
      queues: [queue],
      jobTypes,
      concurrency: 1,
      deadAfterMs: 60_000,
    });

  test('with ready jobs and no live worker are a problem, until one comes', async () => {
    await sql(`INSERT INTO jobs (job_type, queue) VALUES ('a', 'mail'), ('a', 'mail')`);
    await sql(
      `INSERT INTO jobs (job_type, queue, scheduled_at) VALUES ('a', 'later', now() + interval '1 hour')`,
    );
    expect(await find('queues')).toMatchObject([
      {
        level: 'problem',
        what: 'no live worker serves queue mail, where 2 jobs are ready',
        remedy: expect.stringContaining('holdfast worker --queues mail'),
      },
    ]);
    await serve('mail', ['a']);
    expect(await find('queues')).toMatchObject([{ level: 'ok' }]);
    // Silent for longer than its lease: not a live one, though nobody declared it dead.
    await sql(`UPDATE workers SET last_seen_at = now() - interval '2 minutes'`);
    expect(await find('queues')).toMatchObject([{ level: 'problem' }]);
  });

  test('that are paused wait on purpose', async () => {
    await sql(`INSERT INTO jobs (job_type, queue) VALUES ('a', 'mail')`);
    await sql(`INSERT INTO queues (name, paused_at) VALUES ('mail', now())`);
    expect(await find('queues')).toMatchObject([{ level: 'ok' }]);
  });

  test('whose workers do not know a job type are a problem', async () => {
    await sql(`INSERT INTO jobs (job_type, queue, set_aside_at) VALUES ('new-type', 'mail', now())`);
    await serve('mail', ['old-type']);
    expect(await find('queues')).toMatchObject([
      {
        level: 'problem',
        what: 'no worker of queue mail handles jobs of type "new-type", of which 1 job is ready',
      },
    ]);
  });
});

test('a coordinator: none yet is a warning, one that leads is fine, a lease that ran out is a problem', async () => {
  expect(await find('coordinator')).toMatchObject([{ level: 'warning', what: 'no coordinator has led yet' }]);
  const lease = {
    holder: 'c-1',
    leaseMs: 60_000,
    reachesRedis: true,
    promoteCursor: '-infinity',
    gapMs: 2_000,
    seenMs: 0,
  };
  await holdLease(home.installation.db, lease);
  expect(await find('coordinator')).toMatchObject([{ level: 'ok' }]);
  await sql(`UPDATE coordinator_lease SET expires_at = now() - interval '1 second'`);
  expect(await find('coordinator')).toMatchObject([
    { level: 'problem', what: expect.stringContaining('lease') },
  ]);
});

test('claims of a worker long dead are a problem, of one that just died they are not', async () => {
  await sql(`INSERT INTO claim_batches VALUES ('w-gone', 1, '{1,2,3}', now() - interval '1 hour')`);
  await sql(
    `INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, dead_at)
     VALUES ('w-gone', 'host', 1, '1', '{mail}', '{a}', 1, 1000, now())`,
  );
  expect(await find('rescue')).toMatchObject([{ level: 'ok' }]);
  await sql(`UPDATE workers SET dead_at = now() - interval '1 minute'`);
  expect(await find('rescue')).toMatchObject([
    { level: 'problem', what: 'claims of 1 dead worker wait for their rescue (up to 3 jobs)' },
  ]);
});

test('a job that runs without a claim, as a failover may leave one behind, is a problem with its remedy', async () => {
  const insert = `INSERT INTO jobs (job_type, status, worker_id, attempt) VALUES ('a', 'running', $1, 1) RETURNING id`;
  const [claimed] = await sql<{ id: number }>(insert, ['w-1']);
  await sql(`INSERT INTO claim_batches VALUES ('w-1', 1, ARRAY[$1::bigint])`, [claimed!.id]);
  // A person's own row has no worker.
  await sql(insert, [null]);
  expect(await find('ownerless')).toMatchObject([{ level: 'ok' }]);

  const [lost] = await sql<{ id: number }>(insert, ['w-1']);
  const [finding] = await find('ownerless');
  expect(finding).toMatchObject({
    level: 'problem',
    what: `1 job marked as running that no claim knows (${lost!.id})`,
  });
  const [statement] = /UPDATE .* status = 'running'/.exec(finding!.remedy)!;
  await sql(statement);
  expect(await find('ownerless')).toMatchObject([{ level: 'ok' }]);
  expect(await sql('SELECT id FROM get_ready_jobs(10)')).toEqual([{ id: lost!.id }]);
});

test('synchronous_commit=off, also when only this database has it, is a problem', async () => {
  const name = new URL(home.connectionString).pathname.slice(1);
  const isTold = async () =>
    (await find('postgres.durability')).some(
      ({ level, what }) => level === 'problem' && what === 'synchronous_commit is off',
    );
  await sql(`ALTER DATABASE ${name} SET synchronous_commit = 'on'`);
  expect(await isTold()).toBe(false);
  await sql(`ALTER DATABASE ${name} SET synchronous_commit = 'off'`);
  expect(await isTold()).toBe(true);
});

test('a pool that is too large for the server, or too small for its queues, is a warning', async () => {
  expect(await find('postgres.connections')).toMatchObject([{ level: 'ok' }]);
  expect(await find('postgres.connections', { size: { ...SMALL, poolSize: 1_000_000 } })).toMatchObject([
    { level: 'warning', what: expect.stringContaining('may open 1000002') },
  ]);
  expect(
    await find('postgres.connections', { size: { poolSize: 4, queueCount: 3, coordinates: true } }),
  ).toMatchObject([{ level: 'ok' }, { level: 'warning', remedy: 'Set DATABASE_POOL_SIZE to 6 or more.' }]);
});

test('a host whose clock is ahead of PostgreSQL is told by how much', async () => {
  const ask = async () => {
    const [row] = await sql<{ ms: number }>(`SELECT date_part('epoch', clock_timestamp()) * 1000 AS ms`);
    return row!.ms;
  };
  expect(judgeClock('PostgreSQL', await readClock(ask, 3))).toMatchObject([{ level: 'ok' }]);
  const ahead = () => Date.now() + 90_000;
  expect(judgeClock('PostgreSQL', await readClock(ask, 3, ahead))).toMatchObject([
    { level: 'warning', what: "the clock of PostgreSQL is 90 s behind this host's" },
  ]);
});

test('a server that has no connection left says what to do about that', async () => {
  const limited = await createRole('CONNECTION LIMIT 0');
  try {
    expect(await find('postgres.reachable', { postgres: { connectionString: limited.url } })).toMatchObject([
      { level: 'problem', remedy: expect.stringContaining('max_connections') },
    ]);
  } finally {
    await limited.drop();
  }
});

test('an absent server is one finding, without its password', async () => {
  const postgres = { connectionString: 'postgres://postgres:hunter2@127.0.0.1:1/app' };
  const found = await diagnose({ postgres, redis: null, size: SMALL });
  expect(found).toMatchObject([
    { check: 'postgres.reachable', level: 'problem', what: expect.stringContaining('ECONNREFUSED') },
    { check: 'redis.reachable', level: 'ok' },
  ]);
  expect(JSON.stringify(found)).not.toContain('hunter2');
});

/** A role without rights, for this server as a whole: the caller drops it. */
async function createRole(options = ''): Promise<{ url: string; drop: () => Promise<unknown> }> {
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`;
  const password = randomBytes(12).toString('hex');
  await sql(`CREATE ROLE ${name} LOGIN PASSWORD '${password}' ${options}`);
  const url = new URL(home.connectionString);
  url.username = name;
  url.password = password;
  return { url: url.href, drop: () => sql(`DROP ROLE ${name}`) };
}
