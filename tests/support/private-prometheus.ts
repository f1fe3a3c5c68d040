import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../servers/find-binaries.js';
import { superviseServer } from '../../servers/supervised-server.js';
import { startSupervisor } from '../../servers/supervisor-client.js';

const server = findProgram('prometheus');

export const hasPrometheus = server !== null;
export const hasPromtool = findProgram('promtool') !== null;
export const hasAmtool = findProgram('amtool') !== null;

/** One line for whoever wonders why tests were skipped. */
export function sayWhatIsMissing(): void {
  const missing = [
    ...(hasPrometheus && hasPromtool ? [] : ['prometheus']),
    ...(hasAmtool ? [] : ['prometheus-alertmanager']),
  ];
  if (missing.length > 0)
    console.log(`tests of alerts are skipped without: apt-get install ${missing.join(' ')}`);
}

/** Runs promtool or amtool to its end. */
export function runTool(
  tool: 'promtool' | 'amtool',
  args: readonly string[],
  cwd?: string,
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = execFile(tool, args, { cwd, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error ? (child.exitCode ?? 1) : 0;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface EvaluatedRule {
  readonly name: string;
  /** `unknown` until it was evaluated. */
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

/** A Prometheus of our own. */
export interface PrivatePrometheus {
  /** The value of each series now. @throws Error in Prometheus' own words */
  query(expression: string): Promise<Sample[]>;
  /** Those that are pending or fire. */
  alerts(): Promise<Alert[]>;
  rules(): Promise<EvaluatedRule[]>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** Starts it in a folder with these files, of which `prometheus.yml` is its configuration. */
export async function startPrivatePrometheus(
  files: Readonly<Record<string, string>>,
): Promise<PrivatePrometheus> {
  const supervisor = await startSupervisor();
  const path = (name: string) => join(supervisor.directory, name);
  const urlOn = (port: number) => `http://127.0.0.1:${port}`;
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
    const { port } = await superviseServer(supervisor, {
      title: 'Prometheus',
      unavailable: 'internal',
      gentleSignal: 'SIGTERM',
      programOn: (chosen) => ({
        name: 'prometheus',
        command: server ?? 'prometheus',
        args: [
          `--config.file=${path('prometheus.yml')}`,
          `--storage.tsdb.path=${path('tsdb')}`,
          `--web.listen-address=127.0.0.1:${chosen}`,
        ],
        user: null,
        log: path('prometheus.log'),
        lastSignal: 'SIGKILL',
      }),
      probe: async (chosen) => {
        const { status } = await fetch(`${urlOn(chosen)}/-/ready`);
        if (status !== 200) throw new Error(`it answers with ${status}`);
      },
    });
    return {
      query: async (expression) => {
        const body = new URLSearchParams({ query: expression });
        const data = await ask(`${urlOn(port)}/api/v1/query`, { method: 'POST', body });
        return (data as { result: { metric: Sample['labels']; value: [number, string] }[] }).result.map(
          ({ metric, value }) => ({ labels: metric, value: Number(value[1]) }),
        );
      },
      alerts: async () => ((await ask(`${urlOn(port)}/api/v1/alerts`)) as { alerts: Alert[] }).alerts,
      rules: async () => {
        const { groups } = (await ask(`${urlOn(port)}/api/v1/rules`)) as {
          groups: { rules: EvaluatedRule[] }[];
        };
        return groups.flatMap(({ rules }) => rules);
      },
      close: () => supervisor.end(),
    };
  } catch (error) {
    await supervisor.end();
    throw error;
  }
}

async function ask(url: string, request?: RequestInit): Promise<unknown> {
  const answer = (await (await fetch(url, request)).json()) as { data?: unknown; error?: string };
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.data;
}
