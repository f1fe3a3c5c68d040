import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { startServers } from '../../../servers/start-servers.js';
import type { CheckedFinding } from '../../../shared/diagnosis/check.js';
import { packageVersion } from '../../../shared/package-root.js';
import { migrate } from '../../../shared/postgres/migrate.js';
import { cleanUp, runCli } from './cli-process.js';

/** Servers of this file's own: durable ones, whose settings may be spoiled. */
const servers = await startServers({
  postgres: 'binaries',
  redis: 'binaries',
  postgresSettings: { max_prepared_transactions: '5' },
}).catch(() => null);
const env = {
  DATABASE_URL: servers?.postgresUrl ?? '',
  REDIS_URL: servers?.redisUrl ?? 'none',
};
const client = new pg.Client(servers?.postgresUrl);
if (servers) {
  await migrate('up', { connectionString: servers.postgresUrl });
  await client.connect();
}
afterEach(cleanUp);
afterAll(async () => {
  if (servers) await client.end();
  await servers?.stop();
});

const NOBODY_THERE = {
  DATABASE_URL: 'postgres://postgres:hunter2@127.0.0.1:1/app',
  REDIS_URL: 'redis://:hunter3@127.0.0.1:1',
};

async function examine(args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
  const { code, stdout, stderr } = await runCli(['doctor', '--json', ...args], { ...env, ...more });
  const report = JSON.parse(stdout) as { level: string; version: string; findings: CheckedFinding[] };
  return { code, stderr, ...report };
}

(servers ? describe : describe.skip)('doctor', () => {
  test('on sound servers finds no problem and ends with 0', async () => {
    const { code, stdout, stderr } = await runCli(['doctor'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ok {7}PostgreSQL \d+.* answers$/m);
    expect(stdout).toMatch(/^ok {7}Redis [\d.]+ answers$/m);
    // No escape codes where there is no terminal.
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/^warning {2}Redis keeps nothing on disk\n {9}No job is lost.*\n {9}To do: .*$/m);
    expect(stdout).toMatch(/^0 problems, 2 warnings, \d+ ok\n$/m);
  });

  test('--json tells scripts the same', async () => {
    const { code, level, version, findings } = await examine();
    expect({ code, level, version }).toEqual({ code: 0, level: 'warning', version: packageVersion });
    for (const finding of findings)
      expect(Object.keys(finding).sort()).toEqual(['check', 'level', 'meaning', 'remedy', 'what']);
    expect(findings.filter((finding) => finding.level !== 'ok').map(({ check }) => check)).toEqual([
      'coordinator',
      'redis.persistence',
    ]);
  });

  test('--transaction-age finds who keeps a transaction open', async () => {
    await client.query('BEGIN');
    await client.query('SELECT 1');
    try {
      const { code, findings } = await examine(['--transaction-age', '0']);
      expect(code).toBe(0);
      expect(findings.find(({ check }) => check === 'postgres.transactions')).toMatchObject({
        level: 'warning',
        what: expect.stringContaining('user postgres, idle in transaction'),
      });
    } finally {
      await client.query('ROLLBACK');
    }
  });

  test('finds what outlives its session: a prepared transaction, a replication slot', async () => {
    await client.query('BEGIN');
    await client.query(`PREPARE TRANSACTION 'half-done'`);
    await client.query(`SELECT pg_create_physical_replication_slot('left_over', true)`);
    try {
      const { findings } = await examine(['--transaction-age', '0']);
      const told = findings.filter(({ level }) => level === 'warning').map(({ what }) => what);
      expect(told).toContainEqual(expect.stringMatching(/prepared transaction .* gid "half-done"/));
      expect(told).toContainEqual(expect.stringContaining('replication slot "left_over" is not in use'));
    } finally {
      await client.query(`ROLLBACK PREPARED 'half-done'`);
      await client.query(`SELECT pg_drop_replication_slot('left_over')`);
    }
  });

  test('a problem ends it with 1 and says what to do', async () => {
    await client.query(`INSERT INTO jobs (job_type, queue) VALUES ('a', 'mail')`);
    try {
      const { code, stdout } = await runCli(['doctor'], env);
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^problem {2}no live worker serves queue mail.*\n {9}They wait.*\n {9}To do: Start one: `holdfast worker --queues mail`\.$/m,
      );
      expect(stdout).toMatch(/^1 problem, /m);
    } finally {
      await client.query('DELETE FROM jobs');
    }
  });

  test('a PostgreSQL that accepts but never answers is a finding, too', async () => {
    process.kill(servers!.postgres.pid!, 'SIGSTOP');
    try {
      const { code, findings } = await examine();
      expect(code).toBe(1);
      expect(findings[0]).toMatchObject({ check: 'postgres.reachable', level: 'problem' });
      expect(findings.find(({ check }) => check === 'redis.version')).toMatchObject({ level: 'ok' });
    } finally {
      process.kill(servers!.postgres.pid!, 'SIGCONT');
    }
  });
});

test('absent servers are findings; neither password is shown', async () => {
  const { code, stdout, stderr } = await runCli(['doctor'], NOBODY_THERE);
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toMatch(/^problem {2}PostgreSQL cannot be used: .*ECONNREFUSED/m);
  expect(stdout).toMatch(/^problem {2}Redis cannot be used: .*ECONNREFUSED/m);
  expect(stdout).toMatch(/^2 problems, 0 warnings, 0 ok$/m);
  expect(stdout).not.toMatch(/hunter[23]/);
});

test.each([
  [['doctor', '--transaction-age', 'soon'], /must be a whole number from 0/],
  [['doctor', 'quickly'], /too many arguments/],
  [['doctor', '--quick'], /unknown option '--quick'/],
])('%j is bad usage and ends with 2', async (args, message) => {
  const { code, stdout, stderr } = await runCli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});
