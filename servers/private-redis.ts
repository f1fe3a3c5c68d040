import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisHandle } from './server-handle.js';
import { superviseServer } from './supervised-server.js';
import type { Supervisor } from './supervisor-client.js';
import { askRedis } from './wait-until-ready.js';

/** Without files by default: what Holdfast keeps in Redis can be rebuilt from PostgreSQL. */
const DEFAULT_SETTINGS = { 'maxmemory-policy': 'noeviction', save: '""', appendonly: 'no' };

/** Starts a Redis (or Valkey) of our own in the supervisor's folder. */
export async function startPrivateRedis(
  supervisor: Supervisor,
  command: string,
  settings: Readonly<Record<string, string>>,
): Promise<RedisHandle> {
  const home = join(supervisor.directory, 'redis');
  await mkdir(home);
  const configuration = join(supervisor.directory, 'redis.conf');
  const all = { bind: '127.0.0.1', dir: `"${home}"`, ...DEFAULT_SETTINGS, ...settings };
  const lines = Object.entries(all).map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`);
  await writeFile(configuration, lines.join(''));

  const urlOn = (port: number) => `redis://127.0.0.1:${port}/0`;
  const server = await superviseServer(supervisor, {
    title: 'Redis',
    unavailable: 'redis_unavailable',
    gentleSignal: 'SIGTERM',
    programOn: (port) => ({
      name: 'redis',
      command,
      args: [configuration, '--port', String(port)],
      user: null,
      log: `${home}.log`,
      lastSignal: 'SIGTERM',
    }),
    async probe(port, pid) {
      const info = await askRedis(urlOn(port));
      if (fieldOf(info, 'process_id') !== String(pid))
        throw new Error(`another Redis answers on port ${port}`);
    },
  });

  async function wipe(): Promise<void> {
    await server.kill();
    await rm(home, { recursive: true, force: true });
    await mkdir(home);
    await server.start();
  }

  const url = urlOn(server.port);
  const info = await askRedis(url);
  const valkey = fieldOf(info, 'valkey_version');
  const product = valkey === undefined ? `Redis ${fieldOf(info, 'redis_version') ?? ''}` : `Valkey ${valkey}`;
  const description = `${product}: private server from ${command}, on ${url}`;
  return Object.assign(server, { source: 'binaries' as const, url, description, isControllable: true, wipe });
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}
