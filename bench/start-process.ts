import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findFreePort } from '../servers/free-port.js';
import type { Servers } from '../servers/start-servers.js';
import { packageRoot } from '../shared/package-root.js';

/** The command of each, and the variable with its port. */
const PORT_OF = { api: 'API_PORT', worker: 'METRICS_PORT' } as const;

export interface StartedProcess {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * `holdfast api` or `holdfast worker`, as anybody would start it, in a process of its own.
 *
 * @throws Error when it is not ready within 10 s
 */
export async function startProcess(command: keyof typeof PORT_OF, servers: Servers): Promise<StartedProcess> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'cli', 'main.js'), command], {
    env: {
      ...process.env,
      DATABASE_URL: servers.postgresUrl,
      REDIS_URL: servers.redisUrl ?? '',
      [PORT_OF[command]]: String(port),
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  for (let tries = 0; !(await answers(`${url}/health/ready`)); tries++) {
    if (tries === 100 || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error(`${command} is not ready on ${url}`);
    }
    await wait(100);
  }
  return {
    url,
    pid: child.pid as number,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
