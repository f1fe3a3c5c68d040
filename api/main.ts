/** Composes the process that serves the API; the command line starts it. */
import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/load-config.js';
import { createStartCheck } from '../shared/diagnosis/start-check.js';
import { messageOf } from '../shared/errors.js';
import { openInstallation, type Installation } from '../shared/installation.js';
import { composeServices, type Service } from '../shared/lifecycle/service.js';
import { createEventHub } from '../shared/observe/events.js';
import { logEvents } from '../shared/observe/log-events.js';
import type { Logger } from '../shared/observe/logger.js';
import { createMetrics } from '../shared/observe/metrics.js';
import { hasKeys } from '../shared/keys/list-keys.js';
import { isLoopback } from './auth/reach.js';
import { buildServer } from './build-server.js';

export interface ApiProcessOptions {
  readonly logger: Logger;
  /** What else the process does with the same installation, such as coordinating. */
  readonly extraServices?: (installation: Installation) => readonly Service[];
}

export interface ApiProcess extends Service {
  /** Where it listens, once it does. */
  readonly url: string | undefined;
}

/**
 * @throws HoldfastError `postgres_unavailable`; ConfigError when others could reach it and there is no API key. Its `start`
 *   throws ConfigError when the port cannot be had
 */
export async function composeApiProcess(
  config: Config,
  { logger, extraServices = () => [] }: ApiProcessOptions,
): Promise<ApiProcess> {
  const events = createEventHub();
  const metrics = createMetrics({ events, logger });
  logEvents(events, logger);
  const installation = await openInstallation({
    postgres: { ...config.postgres, applicationName: 'holdfast api' },
    redis: config.redis,
    redisPrefix: config.redisPrefix,
    logger,
    events,
    jobDefaults: config.jobDefaults,
  });
  try {
    await checkAccess(installation, config.api, logger);
    const { bodyLimit, rateLimit, host } = config.api;
    // Whoever else can reach it is asked for a key, whatever becomes of the table of keys.
    const auth = config.api.auth === 'auto' && !isLoopback(host) ? 'required' : config.api.auth;
    const server = await buildServer({ installation, metrics, logger, bodyLimit, auth, rateLimit });
    const listener = createListener(server, config, logger);
    const service = composeServices('api', [
      { name: 'installation', start: async () => undefined, stop: () => installation.close() },
      ...extraServices(installation),
      createStartCheck(installation, { queueCount: 0, coordinates: config.coordinator.isEnabled }),
      listener,
    ]);
    return {
      ...service,
      get url() {
        return listener.url;
      },
    };
  } catch (error) {
    await installation.close();
    throw error;
  }
}

/** Refuses to open the API to others as long as nobody has a key. */
async function checkAccess({ db }: Installation, { host, auth }: Config['api'], logger: Logger) {
  if (auth === 'off') {
    if (!isLoopback(host))
      logger.warn('API_AUTH=off: whoever reaches this address may do anything', { host });
    return;
  }
  if (await hasKeys(db)) return;
  if (!isLoopback(host)) {
    const problem = `is ${host}, which others can reach, and there is no API key yet: ${CREATE_A_KEY}; or set API_AUTH=off where something else keeps strangers out`;
    throw new ConfigError([{ variable: 'API_HOST', problem }]);
  }
  if (auth === 'required') logger.warn(`there is no API key yet, and nobody can call: ${CREATE_A_KEY}`);
}

const CREATE_A_KEY = 'create one with `holdfast keys create ops --role admin`';

/** What requests under way get to finish; a stream of events would go on for ever. */
const CLOSE_MS = 10_000;

function createListener(
  server: FastifyInstance,
  { api: { host, port } }: Config,
  logger: Logger,
): ApiProcess {
  let url: string | undefined;
  return {
    name: 'http server',
    get url() {
      return url;
    },
    async start() {
      if (url !== undefined) return;
      try {
        url = await server.listen({ host, port });
      } catch (error) {
        // Otherwise its plugins would keep what they have opened.
        await server.close();
        throw cannotListen(host, port, error);
      }
      logger.info('API ready', { url, docs: `${url}/api-docs` });
    },
    async stop() {
      url = undefined;
      logger.info('API drains');
      const timer = setTimeout(() => server.server.closeAllConnections(), CLOSE_MS);
      await server.close().finally(() => clearTimeout(timer));
    },
  };
}

function cannotListen(host: string, port: number, cause: unknown): Error {
  const { code } = cause as { code?: unknown };
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new ConfigError(
      [{ variable: 'API_HOST', problem: `is ${host}, which is no address of this machine` }],
      { cause },
    );
  const what = code === 'EADDRINUSE' ? `port ${port} of ${host} is taken` : messageOf(cause);
  const problem = `cannot be used: ${what}. Set another port, or 0 for a free one`;
  return new ConfigError([{ variable: 'API_PORT', problem }], { cause });
}
