import type { Servers } from '../../servers/start-servers.js';
import { forkWorker } from '../fork-worker.js';
import { perSecond } from '../statistics.js';

export interface Drain {
  readonly jobsPerSecond: number;
  /** Of one worker process while it drains, at most. */
  readonly rssMb: number;
}

/** From `go` until the last of `count` waiting jobs is recorded as completed. */
export async function measureDrain(
  servers: Servers,
  count: number,
  concurrency: number,
  processes = 1,
): Promise<Drain> {
  const workers = await Promise.all(
    Array.from({ length: processes }, () => forkWorker(servers, concurrency)),
  );
  const settledBy = workers.map(() => 0);
  let rssBytes = 0;
  const done = new Promise<void>((resolve) => {
    workers.forEach((worker, index) =>
      worker.onMessage((message) => {
        if (message.kind === 'memory') rssBytes = Math.max(rssBytes, message.rssBytes);
        if (message.kind !== 'settled') return;
        settledBy[index] = message.settled;
        if (settledBy.reduce((sum, settled) => sum + settled, 0) >= count) resolve();
      }),
    );
  });
  const start = performance.now();
  for (const worker of workers) worker.send('go');
  const sampler = setInterval(() => workers.forEach((worker) => worker.send('memory')), 500);
  await done;
  const tookMs = performance.now() - start;
  clearInterval(sampler);
  await Promise.all(workers.map((worker) => worker.stop()));
  return { jobsPerSecond: perSecond(count, tookMs), rssMb: Math.round(rssBytes / 2 ** 20) };
}
