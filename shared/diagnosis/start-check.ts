import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import type { Service } from '../lifecycle/service.js';
import { runChecks, within, type CheckedFinding } from './check.js';
import type { ProcessSize } from './connections.js';
import { settingChecks } from './postgres-checks.js';
import { readPostgresServer } from './postgres-server.js';
import { checkRedis } from './redis-checks.js';

const LIMIT_MS = 5_000;
const REDIS_WAIT_MS = 2_000;

/**
 * Looks once, while the process goes on starting, at versions and settings of PostgreSQL and Redis: what does not change
 * by itself. Warns of what is wrong and how to mend it; delays and fails nothing. `holdfast doctor` looks at more.
 */
export function createStartCheck(installation: Installation, size: Omit<ProcessSize, 'poolSize'>): Service {
  const { db, lanes, logger } = installation;
  let running: Promise<unknown> | undefined;

  function warn(found: readonly CheckedFinding[]): void {
    for (const { level, check, what, meaning, remedy } of found)
      if (level !== 'ok') logger.warn(what, { check, meaning, remedy });
  }

  async function checkPostgres(deadline: number): Promise<void> {
    const server = await within(LIMIT_MS, readPostgresServer(db));
    warn(await runChecks(settingChecks(db, server, { ...size, poolSize: db.poolSize }, 1), deadline));
  }

  async function run(): Promise<void> {
    const deadline = performance.now() + LIMIT_MS;
    const options = { waitMs: REDIS_WAIT_MS, clockReadings: 1, withPersistence: false, deadline };
    await checkPostgres(deadline).catch((error: unknown) =>
      // Whoever needs PostgreSQL tells that it is away.
      logger.debug('PostgreSQL could not be checked at the start', { error: messageOf(error) }),
    );
    if (lanes) warn(await checkRedis(lanes.connection, options));
  }

  return {
    name: 'start check',
    async start() {
      running ??= run();
    },
    async stop() {
      await running;
    },
  };
}
