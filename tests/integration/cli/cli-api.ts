import { startTestApi, type TestApi } from '../api/test-api.js';
import { runCli, startCli, type CliProcess, type Ended } from './cli-process.js';

/** How a command reaches the API. What it prints and ends with must be the same. */
export const WAYS = ['over HTTP', 'straight at the database'] as const;
export type Way = (typeof WAYS)[number];

/** Arguments; as a text, with spaces between them. */
export type CommandLine = string | readonly string[];

export interface CliApi extends TestApi {
  /** What the environment says for it. */
  env(way: Way): NodeJS.ProcessEnv;
  start(way: Way, line: CommandLine): CliProcess;
  run(way: Way, line: CommandLine): Promise<Ended>;
  /** With `--json`; `body` is the document that it printed. */
  runJson<Body = Record<string, unknown>>(
    way: Way,
    line: CommandLine,
  ): Promise<Ended & { readonly body: Body }>;
  /** Submits by SQL; returns the ids. */
  submitMany(count: number, columns?: { readonly queue?: string; readonly tag?: string }): Promise<number[]>;
}

/** An API on a database of its own, and commands that ask it. */
export async function startCliApi(): Promise<CliApi> {
  const api = await startTestApi({ redis: false });
  const env = (way: Way): NodeJS.ProcessEnv =>
    way === 'over HTTP'
      ? { HOLDFAST_API_URL: api.url }
      : { DATABASE_URL: api.connectionString, REDIS_URL: 'none' };
  const run = (way: Way, line: CommandLine) => runCli(toArgs(line), env(way));
  return {
    ...api,
    env,
    run,
    start: (way, line) => startCli(toArgs(line), env(way)),
    runJson: async (way, line) => {
      const ended = await run(way, [...toArgs(line), '--json']);
      if (ended.stdout === '') throw new Error(`there is no document; it said: ${ended.stderr}`);
      return { ...ended, body: JSON.parse(ended.stdout) as never };
    },
    submitMany: async (count, { queue = 'default', tag = 'many' } = {}) => {
      const rows = await api.sql<{ id: number }>(
        `INSERT INTO jobs (job_type, queue, tags) SELECT 'nobody', $2, ARRAY[$3] FROM generate_series(1, $1::int) RETURNING id`,
        [count, queue, tag],
      );
      return rows.map(({ id }) => id);
    },
  };
}

const toArgs = (line: CommandLine): readonly string[] => (typeof line === 'string' ? line.split(' ') : line);
