import {
  Coordinator,
  createClient,
  createLogger,
  createWorker,
  migrate,
  openInstallation,
  type Installation,
} from 'holdfast';
import { welcome } from './welcome.js';

/** All of Holdfast inside an application's own process: tables, coordinator, worker, client. Ends with what it submitted. */
const { DATABASE_URL = '', REDIS_URL } = process.env;

await migrate('up', { connectionString: DATABASE_URL });
const installation = await openInstallation({
  postgres: { connectionString: DATABASE_URL },
  redis: REDIS_URL ? { url: REDIS_URL } : null,
  logger: createLogger({ level: 'warn' }),
});
await run(installation).finally(() => installation.close());

async function run(opened: Installation): Promise<void> {
  // Promotes jobs for later, rescues, sweeps, prunes, fires schedules: some process must, and any number may.
  const coordinator = new Coordinator({ installation: opened });
  const worker = createWorker({ installation: opened, jobs: [welcome], concurrency: 20 });
  await coordinator.start();
  await worker.start();

  const client = await createClient({ installation: opened });
  const now = await client.submit(welcome, { name: 'Ada' });
  const later = await client.submit(welcome, { name: 'Grace' }, { delayMs: 200 });
  for (const { id } of [now, later]) console.log(`job ${id}:`, await client.result(id));

  // A server does this when it is told to end, with SIGTERM as a rule: handlers finish, the rest is released.
  await worker.stop();
  await coordinator.stop();
}
