import { buildServer } from '../../api/build-server.js';
import type { Config } from '../../config/load-config.js';
import { openInstallation } from '../../shared/installation.js';
import { createEventHub } from '../../shared/observe/events.js';
import { silentLogger, type Logger } from '../../shared/observe/logger.js';
import { createMetrics } from '../../shared/observe/metrics.js';
import { checkMigrations } from '../check-migrations.js';
import { openLogger } from '../settings.js';
import type { ApiAnswer, ApiRequest, Transport } from './transport.js';

/**
 * The API itself, in this process and without a port: whoever has the database's password may do all that an API in
 * front of it could do for them.
 *
 * @throws HoldfastError `not_migrated`, `postgres_unavailable`
 */
export async function openInProcessTransport(config: Config): Promise<Transport> {
  await checkMigrations(config);
  const logger = await createQuietLogger(config);
  const events = createEventHub();
  const installation = await openInstallation({
    postgres: { ...config.postgres, applicationName: 'holdfast cli' },
    redis: config.redis,
    redisPrefix: config.redisPrefix,
    logger,
    events,
    jobDefaults: config.jobDefaults,
  });
  const metrics = createMetrics({ events, logger });
  const close = async () => {
    metrics.close();
    await installation.close();
  };
  const { bodyLimit } = config.api;
  const server = await buildServer({ installation, metrics, logger, bodyLimit, auth: 'off' }).catch(
    async (error: unknown) => {
      await close();
      throw error;
    },
  );

  return {
    address: 'the database',
    async send({ method, path: url, headers, body: payload }: ApiRequest): Promise<ApiAnswer> {
      const sent = payload === undefined ? {} : { payload };
      const answer = await server.inject({ method, url, headers, payloadAsStream: true, ...sent });
      return { status: answer.statusCode, headers: answer.headers, body: answer.stream() };
    },
    async close() {
      await server.close();
      await close();
    },
  };
}

/** What goes wrong is in the answers; only the cause of an internal error is in the log alone. */
async function createQuietLogger(config: Config): Promise<Logger> {
  const logger = await openLogger(config, 'cli');
  if (config.log.level === 'debug') return logger;
  return {
    ...silentLogger,
    error: (message, fields) => {
      if (fields?.code === 'internal') logger.error(message, fields);
    },
  };
}
