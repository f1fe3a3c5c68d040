import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { startPrivatePrometheus, type PrivatePrometheus } from '../../support/private-prometheus.js';
import { createTestDatabase } from '../../support/test-installation.js';
import { emptyFolder, FIXTURE, startCli, type CliProcess } from '../cli/cli-process.js';
import { readDeployed } from './deployed-files.js';

/** The processes of the compose files, and a Prometheus that scrapes them as deployed, only faster. */
export interface WatchedInstallation {
  readonly connectionString: string;
  readonly apiUrl: string;
  readonly prometheus: PrivatePrometheus;
  /** The only one. */
  readonly coordinator: CliProcess;
  /** A worker that is there to be killed. */
  readonly victim: { readonly id: string; readonly process: CliProcess };
  close(): Promise<void>;
}

/** The processes are ended by `cleanUp` of cli-process.ts. */
export async function startWatchedInstallation(): Promise<WatchedInstallation> {
  const database = await createTestDatabase();
  const start = processStarter(database.connectionString);
  const worker = ['worker', '--handlers', FIXTURE];
  const [api, coordinator, first, second] = [
    start(['api'], { API_PORT: '0' }),
    start(['coordinator'], { METRICS_PORT: '0' }),
    start(worker, { METRICS_PORT: '0' }),
    start(worker, { METRICS_PORT: '0' }),
  ];
  const apiUrl = await urlIn(api, /API ready/);
  const statusOf = (process: CliProcess) => urlIn(process, /serving \/metrics/);
  const targets = {
    api: [apiUrl],
    coordinator: [await statusOf(coordinator)],
    worker: [await statusOf(first), await statusOf(second)],
  };
  await coordinator.line(/is the coordinator now/);
  await first.line(/worker ready/);
  const { workerId } = JSON.parse(await second.line(/worker ready/)) as { workerId: string };
  const prometheus = await startPrivatePrometheus({
    'prometheus.yml': fasterConfig(targets),
    'alerts.yml': readDeployed('prometheus', 'alerts.yml').replaceAll(/^ {8}for: \w+$/gm, '        for: 2s'),
  });
  return {
    connectionString: database.connectionString,
    apiUrl,
    prometheus,
    coordinator,
    victim: { id: workerId, process: second },
    close: async () => {
      await prometheus.close();
      await database.drop();
    },
  };
}

function processStarter(connectionString: string) {
  const shared = {
    DATABASE_URL: connectionString,
    REDIS_URL: process.env.HOLDFAST_TEST_REDIS_URL ?? 'none',
    LOG_FORMAT: 'json',
    WORKER_HEARTBEAT_INTERVAL: '300',
    WORKER_DEAD_AFTER: '5000',
    JOB_RETRY_DELAY_BASE: '50',
  };
  return (args: string[], settings: NodeJS.ProcessEnv): CliProcess =>
    startCli(args, { ...shared, COORDINATOR_ENABLED: String(args[0] === 'coordinator'), ...settings });
}

const urlIn = async (process: CliProcess, pattern: RegExp): Promise<string> =>
  (JSON.parse(await process.line(pattern)) as { url: string }).url;

/** The deployed configuration, every second, with addresses instead of names of services. */
function fasterConfig(targets: Readonly<Record<string, readonly string[]>>): string {
  const key = join(emptyFolder(), 'key');
  writeFileSync(key, 'hf_not_asked_for_on_loopback');
  const addresses = (service: string) => (targets[service] ?? []).map((url) => `'${new URL(url).host}'`);
  return readDeployed('prometheus', 'prometheus.yml')
    .replaceAll(/_interval: 15s/g, '_interval: 1s')
    .replace(/credentials_file: .*/, `credentials_file: ${key}`)
    .replace(/targets: \['alertmanager:9093'\]/, 'targets: []')
    .replaceAll(
      /dns_sd_configs:\n +- names: \[(\w+)\]\n(?: {8}\w+: .*\n)+/g,
      (_, service: string) => `static_configs:\n      - targets: [${addresses(service).join()}]\n`,
    );
}

/** Where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
