import { createClient } from 'holdfast';
import type { Servers } from '../../servers/start-servers.js';
import { describeAddresses } from './addresses.js';
import { findFaults, readEndedJobs } from './check-ends.js';
import { cancelWhileRunning, describeOpenJobs, followJobs } from './follow-jobs.js';
import { createProgressView } from './progress.js';
import { setTheScene, type Scene } from './set-the-scene.js';
import { startStores, type Stage } from './start-holdfast.js';
import { submitBySql } from './submit-by-sql.js';
import { submitMix, type Mix } from './submit-mix.js';
import { summarize } from './summary.js';

/** From the moment everything is up; how long that takes depends on where the servers come from. */
const LIMIT_MS = 120_000;

/** From nothing to the summary. Resolves with whether every job reached the end it should. */
export async function playDemo(stage: Stage): Promise<boolean> {
  stage.say('Starting PostgreSQL and Redis ...');
  const servers = await startStores(stage);
  const scene = await setTheScene(servers, stage);
  const limit = AbortSignal.timeout(LIMIT_MS);
  const signal = AbortSignal.any([stage.signal, limit]);
  try {
    // Only we are in a hurry: the worker goes on with the API it has, for jobs that are retried by hand later.
    return await runJobs({ ...scene, api: scene.api.withSignal(signal) }, servers, { ...stage, signal });
  } catch (error) {
    if (!limit.aborted || stage.signal.aborted) throw error;
    await explainTimeout(scene, stage);
    return false;
  }
}

async function runJobs(scene: Scene, servers: Servers, { signal, say }: Stage): Promise<boolean> {
  const { api, installation, queue, files, http, sink } = scene;
  const startedAt = performance.now();
  const client = await createClient({ installation });
  const mix = await submitMix({ api, client, queue, files, httpUrl: http.url });
  const { committed, rolledBackId } = await submitBySql(servers.postgresUrl, queue);
  mix.jobs.push(committed);
  say(`${mix.jobs.length} jobs submitted: most over HTTP, some by the library, one by SQL.`);
  await watch(scene, mix, { signal, say });
  const durationMs = performance.now() - startedAt;

  const evidence = { api, ended: await readEndedJobs(api, mix.jobs), mix, rolledBackId, sink };
  const faults = await findFaults(evidence);
  const lines = [...summarize(evidence, faults, durationMs), ...describeAddresses(api.url, servers)];
  lines.forEach(say);
  return faults.length === 0;
}

async function watch(
  { api, queue }: Scene,
  mix: Mix,
  { signal, say }: Pick<Stage, 'signal' | 'say'>,
): Promise<void> {
  const view = createProgressView(mix.jobs.length, say);
  signal.addEventListener('abort', () => view.end(), { once: true });
  try {
    await Promise.all([
      followJobs({ api, queue, signal, onLook: (counts) => view.show(counts) }),
      cancelWhileRunning(api, mix.toCancelId, signal),
    ]);
  } finally {
    view.end();
  }
}

async function explainTimeout({ api, queue }: Scene, { say }: Stage): Promise<void> {
  say(`\nNot every job has ended within ${LIMIT_MS / 1_000} s. Still open:`);
  const open = await describeOpenJobs(api, queue);
  open.forEach((line) => say(`  ${line}`));
  say('The machine may be very busy; otherwise this is a fault worth a report, with these lines.');
}
