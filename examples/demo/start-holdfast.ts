import {
  Coordinator,
  createLogger,
  createWorker,
  migrate,
  openInstallation,
  type Installation,
} from 'holdfast';
import { buildServer } from '../../api/build-server.js';
import { startServers, type Servers } from '../../servers/start-servers.js';
import { createEventHub } from '../../shared/observe/events.js';
import { createMetrics } from '../../shared/observe/metrics.js';
import { builtInJobs } from '../../workers/handlers/index.js';
import { ApiClient } from './api-client.js';
import * as demoJobs from './demo-jobs.js';
import type { Undo } from './undo.js';
import { workflowJobs } from './workflow-jobs.js';

export const CONCURRENCY = 10;

/** What each part of the demo is given. */
export interface Stage {
  readonly signal: AbortSignal;
  readonly undo: Undo;
  readonly say: (line: string) => void;
  /** For files; removed when the demo ends. */
  readonly directory: string;
  readonly apiPort: number;
}

/** PostgreSQL and Redis, whichever can be had, and the tables. */
export async function startStores({ signal, undo, say }: Stage): Promise<Servers> {
  const servers = await startServers({ postgres: 'auto', redis: 'auto', log: say });
  undo.add('the servers', () => servers.stop());
  signal.throwIfAborted();
  // Somebody may have exported the address of a database that matters to them, and not think of it.
  if (servers.postgres.source === 'given')
    say(
      'The demo makes its tables in that database (schema public) and leaves them there, with its jobs; where DATABASE_URL ' +
        'and POSTGRES_* are unset it takes a server of its own, of which nothing stays.',
    );
  await migrate('up', { connectionString: servers.postgresUrl });
  signal.throwIfAborted();
  return servers;
}

export interface Holdfast {
  readonly installation: Installation;
  readonly api: ApiClient;
}

/** The API and the coordinator on these stores; in production each may be a process of its own. */
export async function startHoldfast(servers: Servers, { signal, undo, apiPort }: Stage): Promise<Holdfast> {
  const events = createEventHub();
  const logger = createLogger({ level: 'warn' });
  const installation = await openInstallation({
    postgres: { connectionString: servers.postgresUrl, applicationName: 'holdfast demo' },
    redis: servers.redisUrl === null ? null : { url: servers.redisUrl },
    events,
    logger,
  });
  undo.add('the connections', () => installation.close());

  const server = await buildServer({ installation, metrics: createMetrics({ events }), logger });
  undo.add('the API', () => {
    // A connection that was opened for a call which Ctrl-C then stopped would be waited for, as for a slow caller.
    server.server.closeAllConnections();
    return server.close();
  });
  const url = await server.listen({ port: apiPort, host: '127.0.0.1' });

  const coordinator = new Coordinator({ installation });
  undo.add('the coordinator', () => coordinator.stop());
  await coordinator.start();
  signal.throwIfAborted();
  return { installation, api: new ApiClient(url, signal) };
}

export interface Surroundings {
  readonly queue: string;
  readonly filesDirectory: string;
  readonly mailUrl: string;
}

/** A worker with the built-in job types and ours. */
export async function startWorker(
  { installation, api }: Holdfast,
  { queue, filesDirectory, mailUrl }: Surroundings,
  undo: Undo,
): Promise<void> {
  const builtIn = builtInJobs({
    email: { url: mailUrl, from: 'Holdfast demo <demo@example.com>' },
    data: { allowedDirectory: filesDirectory },
    // By default jobs call public addresses only; what the demo calls is on this machine.
    network: { allowPrivateNetworks: true, allowedHosts: ['127.0.0.1'] },
  });
  undo.add('the connections of the jobs', () => builtIn.close());
  const { makeThumbnail, encodeVideo, yearReport, chargeCard, shipOrder } = demoJobs;
  const worker = createWorker({
    installation,
    queues: [queue],
    concurrency: CONCURRENCY,
    jobs: [
      ...builtIn.jobs,
      ...workflowJobs(api),
      makeThumbnail,
      encodeVideo,
      yearReport,
      chargeCard,
      shipOrder,
    ],
    // Shorter than an application would have them, for those who watch.
    retryPolicy: { baseDelayMs: 800, maxDelayMs: 2_000 },
    shutdownTimeoutMs: 1_000,
    abortGraceMs: 1_000,
  });
  undo.add('the worker', () => worker.stop());
  await worker.start();
}
