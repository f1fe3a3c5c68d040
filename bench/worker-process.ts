/** A worker process for the benchmark: starts on `go`, counts what is recorded, answers `memory` and `stop`. */
import { createEventHub } from '../shared/observe/events.js';
import { createLogger } from '../shared/observe/logger.js';
import { openInstallation } from '../shared/installation.js';
import { Coordinator } from '../workers/coordinator/coordinator.js';
import { createWorker } from '../workers/create-worker.js';
import { noop, stamp } from './noop-job.js';

const { POSTGRES_URL = '', REDIS_URL = '', CONCURRENCY = '500' } = process.env;

const events = createEventHub();
let settled = 0;
events.on('settled', (outcomes) => {
  settled += outcomes.length;
  process.send?.({ kind: 'settled', settled });
});

const installation = await openInstallation({
  postgres: { connectionString: POSTGRES_URL },
  redis: REDIS_URL === '' ? null : { url: REDIS_URL },
  events,
  logger: createLogger({ level: 'warn' }),
});
const worker = createWorker({ installation, jobs: [noop, stamp], concurrency: Number(CONCURRENCY) });
const coordinator = new Coordinator({ installation });

process.on('message', (message) => {
  void (async () => {
    if (message === 'go') {
      await coordinator.start();
      await worker.start();
      process.send?.({ kind: 'started' });
    } else if (message === 'memory') {
      process.send?.({ kind: 'memory', rssBytes: process.memoryUsage.rss() });
    } else if (message === 'stop') {
      await worker.stop();
      await coordinator.stop();
      await installation.close();
      process.disconnect();
    }
  })();
});
process.send?.({ kind: 'ready' });
