import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../../shared/package-root.js';

/** As `npm run build` left it, before the tests: a process from source takes twice as long to start. */
const MAIN = join(packageRoot, 'dist', 'cli', 'main.js');
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const PATIENCE_MS = 25_000;

/** A module with jobs, made for these tests; to be read through tsx. */
export const FIXTURE = join(packageRoot, 'tests', 'support', 'fixtures', 'handlers.ts');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  /** Resolves with the first line of either output that matches. */
  line(pattern: RegExp): Promise<string>;
  send(signal: NodeJS.Signals): void;
  /** As a person at its terminal. */
  type(text: string): void;
  readonly ended: Promise<Ended>;
}

const running = new Set<ChildProcess>();
const folders: string[] = [];

/** `holdfast` with these arguments, in an empty folder, with nothing but `env` as its settings. */
export function startCli(args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string): CliProcess {
  const loader = args.includes(FIXTURE) ? ['--import', TSX] : [];
  return startProcess(process.execPath, [...loader, MAIN, ...args], env, cwd);
}

/** The same at a terminal that is as many columns wide; both of its outputs are `stdout`. Needs util-linux. */
export function startCliAtTerminal(line: string, env: NodeJS.ProcessEnv, columns = 80): CliProcess {
  const command = `stty cols ${columns}; exec '${process.execPath}' '${MAIN}' ${line}`;
  return startProcess('script', ['-eqc', command, '/dev/null'], { TERM: 'xterm', ...env });
}

function startProcess(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd = emptyFolder(),
): CliProcess {
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, METRICS_PORT: 'off', ...env },
    stdio: 'pipe',
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
      child.emit('output');
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return { code: code as number | null, ...output };
  });
  return {
    ended,
    send: (signal) => child.kill(signal),
    type: (text) => child.stdin.write(text),
    line: (pattern) => findLine(child, () => `${output.stdout}\n${output.stderr}`, pattern),
  };
}

function findLine(child: ChildProcess, output: () => string, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (finish: () => void) => {
      clearTimeout(timer);
      child.off('output', look).off('close', onClose);
      finish();
    };
    const fail = (why: string) =>
      done(() => reject(new Error(`${why} before a line like ${pattern.source}; it said:\n${output()}`)));
    const look = () => {
      const line = output()
        .split('\n')
        .find((one) => pattern.test(one));
      if (line !== undefined) done(() => resolve(line));
    };
    const onClose = () => fail('it ended');
    const timer = setTimeout(() => fail(`${PATIENCE_MS} ms passed`), PATIENCE_MS);
    child.on('output', look).on('close', onClose);
    look();
  });
}

/** Runs it to its end. */
export const runCli = (args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Promise<Ended> =>
  startCli(args, env, cwd).ended;

export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
  folders.push(folder);
  return folder;
}

/** For afterEach: ends what a failed test left behind. */
export async function cleanUp(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      child.kill('SIGKILL');
      await once(child, 'close');
    }),
  );
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
