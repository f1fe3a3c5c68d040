import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { describeMachine } from '../machine.js';
import { noop, noopPayloads } from '../noop-job.js';
import { inOwnHome, type OwnHome } from '../own-home.js';
import { installPeers } from '../peers/install-peers.js';
import { PEERS_FOLDER } from '../peers/peer-process.js';
import { startProcess } from '../start-process.js';

interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

/** `npm run bench -- http`. */
export const httpCommand = (whole: (text: string) => number): Command =>
  new Command('http')
    .description('Submits and status requests over HTTP: one API process, 64 connections.')
    .option('--seconds <number>', 'of each measure', whole, 10)
    .action(run);

async function run({ seconds }: { seconds: number }): Promise<void> {
  await installPeers((line) => console.error(line));
  await inOwnHome(async (home) => {
    const { servers } = home;
    const api = await startProcess('api', servers);
    const rows = await measure(home, api.url, seconds).finally(() => api.stop());
    console.log(
      `\n${describeMachine(servers)}\n\n| measure | requests/s | p50, ms | p99, ms | failed |\n| --- | ---: | ---: | ---: | ---: |`,
    );
    for (const [name, load] of rows)
      console.log(
        `| ${name} | ${Math.round(load.perSecond)} | ${load.p50Ms} | ${load.p99Ms} | ${load.failed} |`,
      );
  });
}

async function measure(home: OwnHome, url: string, seconds: number): Promise<[string, Load][]> {
  const submit: Request = {
    method: 'POST',
    path: '/api/jobs',
    body: JSON.stringify({ job_type: noop.type, payload: noopPayloads(1)[0] }),
  };
  const submitted = await home.client.submitMany(noop, noopPayloads(1_000));
  const status = submitted.map(({ id }): Request => ({ method: 'GET', path: `/api/jobs/${id}` }));
  const rows: [string, Load][] = [];
  for (const [name, requests] of [
    ['POST /api/jobs, each answered after its commit', [submit]],
    ['GET /api/jobs/:id', status],
  ] as const) {
    await load(url, 2, requests);
    rows.push([name, await load(url, seconds, requests)]);
    await wait(500);
  }
  return rows;
}

async function load(url: string, seconds: number, requests: readonly Request[]): Promise<Load> {
  const args = [join(PEERS_FOLDER, 'load-http.js'), JSON.stringify({ url, seconds, requests })];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Load;
}
