import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SourceUnavailable } from './choose-source.js';
import { withoutControls, type RedisHandle, type ServerHandle } from './server-handle.js';
import { askPostgres, askRedis, waitUntilReady } from './wait-until-ready.js';

const POSTGRES_IMAGE = 'postgres:17-alpine';
const REDIS_IMAGE = 'redis:7-alpine';
const PING_LIMIT_MS = 2_000;
/** The first start may have to fetch the image. */
const READY_LIMIT_MS = 180_000;

/** A container's port is open to the network, where an engine has no other default. */
const makePassword = () => randomBytes(16).toString('hex');

type Settings = Readonly<Record<string, string>>;
/** Takes what has to be done to remove a container again. */
type OnStop = (action: () => Promise<void>) => void;

export async function startDockerPostgres(settings: Settings, onStop: OnStop): Promise<ServerHandle> {
  const assignments = Object.entries({ max_connections: '300', shared_buffers: '128MB', ...settings });
  const password = makePassword();
  const { address } = await runContainer({
    image: POSTGRES_IMAGE,
    port: 5432,
    environment: { POSTGRES_PASSWORD: password },
    command: ['postgres', ...assignments.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    onStop,
  });
  const url = `postgres://postgres:${password}@${address}/postgres`;
  // The image starts PostgreSQL twice, but only the second time on TCP: an answer there is the final one.
  await waitUntilReady(async () => void (await askPostgres(url)), READY_LIMIT_MS);
  return withoutControls('docker', url, `PostgreSQL: Docker container of ${POSTGRES_IMAGE}, on ${address}`);
}

export async function startDockerRedis(settings: Settings, onStop: OnStop): Promise<RedisHandle> {
  const password = makePassword();
  const assignments = Object.entries({
    'maxmemory-policy': 'noeviction',
    save: '',
    appendonly: 'no',
    requirepass: password,
    ...settings,
  });
  const { address } = await runContainer({
    image: REDIS_IMAGE,
    port: 6379,
    environment: {},
    command: ['redis-server', ...assignments.flatMap(([name, value]) => [`--${name}`, value])],
    onStop,
  });
  const url = `redis://default:${password}@${address}/0`;
  await waitUntilReady(async () => void (await askRedis(url)), READY_LIMIT_MS);
  return withoutControls('docker', url, `Redis: Docker container of ${REDIS_IMAGE}, on ${address}`);
}

interface ContainerWish {
  readonly image: string;
  readonly port: number;
  readonly environment: Record<string, string>;
  readonly command: string[];
  readonly onStop: OnStop;
}

/** testcontainers removes the container when this process is gone, however that happens. */
async function runContainer({
  image,
  port,
  environment,
  command,
  onStop,
}: ContainerWish): Promise<{ address: string }> {
  await expectEngine();
  const { GenericContainer } = await import('testcontainers').catch((error: unknown) => {
    throw new SourceUnavailable('an engine runs, but the npm package testcontainers is not installed', {
      cause: error,
    });
  });
  const container = await new GenericContainer(image)
    .withEnvironment(environment)
    .withCommand(command)
    .withExposedPorts(port)
    .withStartupTimeout(READY_LIMIT_MS)
    .start();
  onStop(async () => void (await container.stop()));
  return { address: `${container.getHost()}:${container.getMappedPort(port)}` };
}

/** Asks the engine itself: a `docker` command may be installed where no engine runs. */
async function expectEngine(): Promise<void> {
  const endpoints = engineEndpoints();
  const answers = await Promise.all(endpoints.map(answersPing));
  if (!answers.includes(true)) throw new SourceUnavailable('no engine answers on its socket');
}

type Endpoint = { readonly socketPath: string } | { readonly host: string; readonly port: number };

function engineEndpoints(): Endpoint[] {
  const named = process.env.DOCKER_HOST ?? '';
  if (named.startsWith('unix://')) return [{ socketPath: named.slice('unix://'.length) }];
  if (named !== '') return [{ host: new URL(named).hostname, port: Number(new URL(named).port || '2375') }];
  const sockets = ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock')];
  if (process.env.XDG_RUNTIME_DIR !== undefined)
    sockets.push(join(process.env.XDG_RUNTIME_DIR, 'docker.sock'));
  return sockets.map((socketPath) => ({ socketPath }));
}

async function answersPing(endpoint: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(
      { ...endpoint, path: '/_ping', signal: AbortSignal.timeout(PING_LIMIT_MS) },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    call.once('error', () => resolve(false));
    call.end();
  });
}
