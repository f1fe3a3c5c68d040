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

const RANKS = { normal: { priority: 50 }, urgent: { priority: 90 } };
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

/** When every job has run, those that are not recorded yet belong to a claim. */
const HAS_CLAIMED = 'SELECT EXISTS (SELECT 1 FROM claim_batches) AS found';
const HAS_UNFINISHED = 'SELECT EXISTS (SELECT 1 FROM jobs WHERE completed_at IS NULL) AS found';

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
      submitOne: (one, rank) => client.submit(noop, one, RANKS[rank]),
      submitMany: (many, rank) => client.submitMany(noop, many, RANKS[rank]),
      close: () => installation.close(),
    };
  },

  async openWorker(servers, { profile, handle, retentionMs }) {
    const installation = await open(servers);
    // Where nobody stays who coordinates: see openInspector.
    const coordinator =
      retentionMs === undefined ? undefined : new Coordinator({ installation, retentionMs });
    await coordinator?.start();
    const concurrency = profile === 'drain' ? 2_000 : SLOTS;
    const worker = createWorker({ installation, jobs: [defineNoop(handle)], concurrency });
    await worker.start();
    return {
      async close() {
        await worker.stop();
        await coordinator?.stop();
        await installation.close();
      },
    };
  },

  /** The coordinator is here: a process of its own that stays, as in docker-compose.workers.yml. */
  async openInspector(servers) {
    const installation = await open(servers);
    const { db } = installation;
    const coordinator = new Coordinator({ installation });
    await coordinator.start();
    const find = async (statement) => (await db.query(statement)).rows[0].found;
    return {
      looksBusy: () => find(HAS_CLAIMED),
      hasUnfinished: () => find(HAS_UNFINISHED),
      empty: () => emptyInstallation(installation),
      async close() {
        await coordinator.stop();
        await installation.close();
      },
    };
  },
};
