import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findFreePort } from '../../servers/free-port.js';
import type { Servers } from '../../servers/start-servers.js';
import { packageRoot } from '../../shared/package-root.js';

/** `holdfast api`, as anybody would start it, in a process of its own. @throws Error when it does not answer within 10 s */
export async function startApi(servers: Servers): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'cli', 'main.js'), 'api'], {
    env: {
      ...process.env,
      DATABASE_URL: servers.postgresUrl,
      REDIS_URL: servers.redisUrl ?? '',
      API_PORT: String(port),
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  for (let tries = 0; !(await answers(`${url}/health`)); tries++) {
    if (tries === 100 || child.exitCode !== null) throw new Error(`the API does not answer on ${url}`);
    await wait(100);
  }
  return {
    url,
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
