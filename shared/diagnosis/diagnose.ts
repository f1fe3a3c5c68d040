import { createDatabase, type Database, type DatabaseOptions } from '../postgres/create-database.js';
import { connectRedis, type RedisAddress } from '../redis/connect-redis.js';
import { runChecks, within, type CheckedFinding } from './check.js';
import type { ProcessSize } from './connections.js';
import { ok } from './finding.js';
import { DEFAULT_TRANSACTION_AGES, type TransactionAges } from './open-transactions.js';
import { engineChecks, settingChecks, stateChecks } from './postgres-checks.js';
import { explainPostgresAway, readPostgresServer } from './postgres-server.js';
import { checkRedis } from './redis-checks.js';

export interface DiagnoseOptions {
  readonly postgres: DatabaseOptions;
  /** Null: none shall be used. */
  readonly redis: RedisAddress | null;
  /** A process as it would be started here. */
  readonly size: ProcessSize;
  readonly transactionAges?: TransactionAges;
}

/** All of it together takes hardly longer. */
const LIMIT_MS = 8_000;
const CONNECT_LIMIT_MS = 5_500;
const CLOSE_LIMIT_MS = 500;
const CLOCK_READINGS = 5;

/**
 * Looks at PostgreSQL, at Redis and at what runs jobs, within some nine seconds. A server that is away is a finding,
 * never an error.
 */
export async function diagnose(options: DiagnoseOptions): Promise<CheckedFinding[]> {
  const deadline = performance.now() + LIMIT_MS;
  const [postgres, redis] = await Promise.all([
    diagnosePostgres(options, deadline),
    diagnoseRedis(options.redis, deadline),
  ]);
  return [...postgres, ...redis];
}

async function diagnosePostgres(options: DiagnoseOptions, deadline: number): Promise<CheckedFinding[]> {
  // A second connection, should a check be given up while its statement still runs.
  const db = createDatabase({ ...options.postgres, poolSize: 2, applicationName: 'holdfast doctor' });
  try {
    return await checkPostgres(db, options, deadline);
  } catch (error) {
    return [{ check: 'postgres.reachable', ...explainPostgresAway(error) }];
  } finally {
    await within(CLOSE_LIMIT_MS, db.close()).catch(() => undefined);
  }
}

async function checkPostgres(
  db: Database,
  { postgres, size, transactionAges = DEFAULT_TRANSACTION_AGES }: DiagnoseOptions,
  deadline: number,
): Promise<CheckedFinding[]> {
  const server = await within(CONNECT_LIMIT_MS, readPostgresServer(db));
  const checks = [
    ...settingChecks(db, server, size, CLOCK_READINGS),
    ...stateChecks(db, postgres, transactionAges),
  ];
  const found = await runChecks(checks, deadline);
  const hasTables = found.every(({ check, level }) => check !== 'migrations' || level !== 'problem');
  return hasTables ? [...found, ...(await runChecks(engineChecks(db), deadline))] : found;
}

async function diagnoseRedis(address: RedisAddress | null, deadline: number): Promise<CheckedFinding[]> {
  if (address === null)
    return [{ check: 'redis.reachable', ...ok('no Redis is configured: workers take jobs from PostgreSQL') }];
  const connection = connectRedis(address);
  try {
    return await checkRedis(connection, {
      waitMs: CONNECT_LIMIT_MS,
      clockReadings: CLOCK_READINGS,
      withPersistence: true,
      deadline,
    });
  } finally {
    if (connection.status !== 'end') connection.disconnect();
  }
}
