import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../../shared/client/create-client.js';
import type { Servers } from '../../servers/start-servers.js';
import { forkWorker } from '../fork-worker.js';
import { nowMs, stamp } from '../noop-job.js';
import { latencyOf, type Latency } from '../statistics.js';

/**
 * From the call of `submit` to the first line of the handler in another process, one such job at a time. The system is idle,
 * unless others wait already; a higher `priority` goes before them.
 */
export async function measurePickUp(
  servers: Servers,
  client: Client,
  samples: number,
  priority = 50,
): Promise<Latency> {
  const worker = await forkWorker(servers, 10);
  const started = worker.next('started');
  worker.send('go');
  await started;
  const latencies: number[] = [];
  for (let sample = -20; sample < samples; sample++) {
    const pickedUp = worker.next('picked-up');
    await client.submit(stamp, { submittedAtMs: nowMs() }, { priority });
    const { latencyMs } = await pickedUp;
    if (sample >= 0) latencies.push(latencyMs);
    // Long enough for everybody to be idle again, never in step with a timer.
    await wait(10 + Math.random() * 30);
  }
  await worker.stop();
  return latencyOf(latencies);
}
