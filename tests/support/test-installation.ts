import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openInstallation, type Installation } from '../../shared/installation.js';
import { databaseUrl, TEMPLATE_DATABASE } from './database-url.js';

export interface TestInstallation {
  readonly installation: Installation;
  readonly connectionString: string;
  /** Null when the machine has no Redis. */
  readonly redisUrl: string | null;
  /** Runs SQL as a person would. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Deletes all that it has in Redis, if there is one. */
  forgetKeys(): Promise<void>;
  close(): Promise<void>;
}

const postgresUrl = process.env.HOLDFAST_TEST_POSTGRES_URL ?? '';
const suiteRedisUrl = process.env.HOLDFAST_TEST_REDIS_URL ?? null;

export const hasRedis = suiteRedisUrl !== null;

export interface TestDatabase {
  readonly connectionString: string;
  drop(): Promise<void>;
}

async function onServer(text: string): Promise<void> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/** A migrated database of one's own. Its installation id is new too, so that Redis can be shared. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE_DATABASE} STRATEGY = WAL_LOG`);
  const connectionString = databaseUrl(postgresUrl, name);
  const client = new pg.Client(connectionString);
  await client.connect();
  await client
    .query('UPDATE installation SET id = substr(md5(gen_random_uuid()::text), 1, 8)')
    .finally(() => client.end());
  return { connectionString, drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** An open installation on a database of its own. `redis: false`: PostgreSQL-only dispatch. */
export async function createTestInstallation({
  redis = true,
  poolSize = 10,
} = {}): Promise<TestInstallation> {
  const database = await createTestDatabase();
  const redisUrl = redis ? suiteRedisUrl : null;
  const installation = await openInstallation({
    postgres: { connectionString: database.connectionString, poolSize },
    redis: redisUrl === null ? null : { url: redisUrl },
  });
  return {
    installation,
    connectionString: database.connectionString,
    redisUrl,
    sql: async <Row>(text: string, values?: unknown[]) =>
      (await installation.db.query<Row>(text, values)).rows,
    forgetKeys: () => forgetKeys(installation),
    close: async () => {
      await forgetKeys(installation);
      await installation.close();
      await database.drop();
    },
  };
}

async function forgetKeys({ lanes, id }: Installation): Promise<void> {
  const keys = (await lanes?.connection.keys(`*{${id}:*`)) ?? [];
  if (keys.length > 0) await lanes?.connection.unlink(...keys);
}
