import { z } from 'zod';
import {
  Coordinator,
  createClient,
  createLogger,
  createWorker,
  defineJob,
  migrate,
  openInstallation,
} from '../../../dist/index.js';
import { emptyInstallation } from '../../../dist/bench/own-home.js';
import { SLOTS } from './system.js';

const payload = z.object({ n: z.number(), to: z.string() });

/** @param {import('./system.js').Servers} servers */
const open = ({ postgresUrl, redisUrl }) =>
  openInstallation({
    postgres: { connectionString: postgresUrl },
    redis: { url: redisUrl },
    logger: createLogger({ level: 'warn' }),
  });

/** @param {import('./system.js').WorkerOptions['handle']} handle */
const defineNoop = (handle) => defineJob({ type: 'noop', payload, run: handle });

/** @type {import('./system.js').System} */
export const system = {
  async setUp({ postgresUrl }) {
    await migrate('up', { connectionString: postgresUrl });
  },

  async openProducer(servers) {
    const installation = await open(servers);
    const client = await createClient({ installation });
    const noop = defineNoop(() => undefined);
    return {
      submitOne: (one) => client.submit(noop, one),
      submitMany: (many) => client.submitMany(noop, many),
      close: () => installation.close(),
    };
  },

  async openWorker(servers, { profile, handle }) {
    const installation = await open(servers);
    const coordinator = new Coordinator({ installation });
    const concurrency = profile === 'drain' ? 2_000 : SLOTS;
    const worker = createWorker({ installation, jobs: [defineNoop(handle)], concurrency });
    await coordinator.start();
    await worker.start();
    return {
      async close() {
        await worker.stop();
        await coordinator.stop();
        await installation.close();
      },
    };
  },

  async openInspector(servers) {
    const installation = await open(servers);
    const { db } = installation;
    return {
      async hasUnfinished() {
        const { rows } = await db.query(
          'SELECT EXISTS (SELECT 1 FROM claim_batches) OR EXISTS (SELECT 1 FROM jobs WHERE completed_at IS NULL) AS found',
        );
        return rows[0].found;
      },
      empty: () => emptyInstallation(installation),
      close: () => installation.close(),
    };
  },
};
