import type { Command } from 'commander';
import type { Config } from '../../config/load-config.js';
import type { Servers } from '../../servers/start-servers.js';
import { composeServices, type Service } from '../../shared/lifecycle/service.js';
import { addHandlersOption, loadChosenHandlers, type HandlersOption } from '../handlers-option.js';
import { openAtStart } from '../open-at-start.js';
import { runService } from '../run-service.js';
import { openLogger, readSettings } from '../settings.js';
import { workerStopLimitMs } from '../stop-limit.js';

export function addDev(program: Command): void {
  addHandlersOption(program.command('dev'))
    .summary('all of it in one process, with servers')
    .description(
      'Starts PostgreSQL and Redis where none are given, applies migrations, and runs API, worker and coordinator in one ' +
        'process until Ctrl-C. What is in servers it started is gone afterwards.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast dev
  $ holdfast dev --handlers ./dist/jobs.js
  $ DATABASE_URL=postgres://localhost/app holdfast dev     with a database of your own`,
    )
    .action(runDev);
}

async function runDev(options: HandlersOption): Promise<void> {
  const given = readSettings({ WORKER_HANDLERS: options.handlers?.join(',') });
  await runService(() => composeDev(given, options), {
    logger: await openLogger(given, 'dev'),
    stopLimitMs: workerStopLimitMs(given),
  });
}

async function composeDev(given: Config, options: HandlersOption): Promise<Service> {
  const { composeApiProcess } = await import('../../api/main.js');
  const { composeWorkerProcess } = await import('../../workers/main.js');
  const { migrate } = await import('../../shared/postgres/migrate.js');
  const handlers = await loadChosenHandlers(given, options);
  let config = given;

  const servers = openAtStart('servers', async () => {
    const started = await openServers(given);
    config = withServers(given, started);
    return { ...started, name: 'servers', start: async () => void (await migrate('up', config.postgres)) };
  });
  // The worker stands for coordinator; one is enough for a single process.
  const api = openAtStart('api', async () =>
    composeApiProcess(config, { logger: await openLogger(given, 'api') }),
  );
  const worker = openAtStart('worker', async () =>
    composeWorkerProcess(config, { logger: await openLogger(given, 'worker'), ...handlers }),
  );
  const addresses: Service = {
    name: 'addresses',
    start: async () => {
      printAddresses(api.opened?.url, worker.opened?.statusUrl, servers.opened);
    },
    stop: () => Promise.resolve(),
  };
  return composeServices('dev', [servers, api, worker, addresses]);
}

/** Sentinels and a Cluster are used as they are, and no Redis is started where there shall be none. */
async function openServers({ redis }: Config): Promise<Servers> {
  const { startServers } = await import('../../servers/start-servers.js');
  const isOneServer = redis !== null && 'url' in redis;
  return startServers({ redis: isOneServer ? 'auto' : 'none', log: (line) => console.log(line) });
}

function withServers(given: Config, { postgres, postgresUrl, redisUrl }: Servers): Config {
  const { directConnectionString, ...pooled } = given.postgres;
  // It names a server that is not ours to migrate, unless that is the one in use.
  const direct =
    postgres.source === 'given' && directConnectionString !== undefined ? { directConnectionString } : {};
  const ownRedis = given.redis !== null && !('url' in given.redis) ? given.redis : null;
  return {
    ...given,
    postgres: { ...pooled, ...direct, connectionString: postgresUrl },
    redis: redisUrl === null ? ownRedis : { url: redisUrl },
  };
}

function printAddresses(
  apiUrl: string | undefined,
  statusUrl: string | undefined,
  servers: Servers | undefined,
): void {
  const lines: readonly [title: string, address: string | null | undefined][] = [
    ['API', apiUrl],
    ['API docs', apiUrl && `${apiUrl}/api-docs`],
    ['worker', statusUrl && `${statusUrl}/health`],
  ];
  // A server of somebody's own has a password of their own.
  const variables: readonly [name: string, url: string | null | undefined][] = [
    ['DATABASE_URL', servers?.postgres.source === 'given' ? undefined : servers?.postgresUrl],
    ['REDIS_URL', servers?.redis?.source === 'given' ? undefined : servers?.redisUrl],
  ];
  console.log('');
  for (const [title, address] of lines) if (address) console.log(`  ${title.padEnd(12)}${address}`);
  if (variables.some(([, url]) => url)) console.log('\nFor another terminal:\n');
  for (const [name, url] of variables) if (url) console.log(`export ${name}=${url}`);
  console.log('\nHoldfast is up. Ctrl-C ends it.\n');
}
