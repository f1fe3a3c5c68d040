import { join } from 'node:path';
import { findFreePort } from '../../../servers/free-port.js';
import type { Link } from './link.js';
import type { ProcessSpec, Role } from './system-process.js';

export interface Part {
  readonly name: string;
  readonly role: Role;
  /** Jobs at once, of a worker. */
  readonly concurrency?: number;
  readonly queues?: string;
  readonly isSpared?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/** Who plays: the processes of the system. */
export type Cast = readonly Part[];

/** The usual cast: enough of each that one can fail. The spared ones take no jobs that harm their process. */
export function fullCast({ workers, concurrency }: { workers: number; concurrency: number }): Cast {
  return [
    ...named('api', 2, {}),
    ...named('coordinator', 2, {}),
    ...named('worker', workers, { concurrency }),
  ].map((part, index, all) => {
    const isSpared = all[index + 1]?.role !== part.role;
    const queues = part.role !== 'worker' || isSpared ? 'default' : 'default,risky';
    return { ...part, isSpared, queues };
  });
}

/** `role-1`, `role-2`, … */
export const named = (role: Role, count: number, more: Partial<Part>): Part[] =>
  Array.from({ length: count }, (_, index) => ({ ...more, name: `${role}-${index + 1}`, role }));

interface Surroundings {
  readonly link: Link;
  readonly directory: string;
  readonly ledgerPath: string;
  readonly codeRoot: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A handler that exhausts memory does so soon, and takes no other process with it. */
const HEAP_MB = 200;

export async function describeProcess(
  part: Part,
  { link, directory, ledgerPath, codeRoot, env }: Surroundings,
): Promise<{ spec: ProcessSpec; url: string }> {
  const port = await findFreePort();
  const { name, role, concurrency = 20, queues = 'default' } = part;
  const handlers = join(codeRoot, 'tests', 'chaos', 'jobs', 'chaos-jobs.ts');
  const options =
    role === 'worker'
      ? ['--queues', queues, '--concurrency', String(concurrency), '--handlers', handlers]
      : [];
  const spec = {
    name,
    role,
    args: [`--max-old-space-size=${HEAP_MB}`, join(codeRoot, 'cli', 'main.ts'), role, ...options],
    cwd: directory,
    logFile: join(directory, `${name}.log`),
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // The jobs say `import ... from 'holdfast'`, which is dist/ unless that file says otherwise.
      TSX_TSCONFIG_PATH: join(codeRoot, 'tests', 'support', 'fixtures', 'tsconfig.json'),
      DATABASE_URL: link.postgresUrl,
      REDIS_URL: link.redisUrl,
      API_PORT: String(port),
      METRICS_PORT: String(port),
      COORDINATOR_ENABLED: 'false',
      JOB_RETRY_DELAY_BASE: '200',
      JOB_RETRY_DELAY_MAX: '2000',
      LOG_FORMAT: 'json',
      CHAOS_LEDGER: ledgerPath,
      ...env,
      ...part.env,
    },
  };
  return { spec, url: `http://127.0.0.1:${port}` };
}
