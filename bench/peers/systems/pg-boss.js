import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { QUEUE, SLOTS } from './system.js';

/** @param {import('./system.js').Servers} servers */
async function start({ postgresUrl }) {
  const boss = new PgBoss({ connectionString: postgresUrl, useListenNotify: true });
  boss.on('error', (error) => console.error(error.message));
  return boss.start();
}

/** The higher number goes first; 0 is the default. */
const RANKS = { normal: { priority: 0 }, urgent: { priority: 10 } };

const SHAPES = {
  drain: { batchSize: 500, localConcurrency: 3, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
  idle: { batchSize: 1, localConcurrency: 4, pollingIntervalSeconds: 0.5 },
  steady: { batchSize: 100, localConcurrency: 4, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
  // Fetching one by one for each of 100 slots it came to rest after a moment: a few loops of larger batches keep it busy.
  slots: { batchSize: SLOTS / 4, localConcurrency: 4, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
};

/** @type {import('./system.js').System} */
export const system = {
  async setUp(servers) {
    const boss = await start(servers);
    await boss.createQueue(QUEUE, { notify: true });
    await boss.stop({ graceful: false });
  },

  async openProducer(servers) {
    const boss = await start(servers);
    return {
      submitOne: (payload, rank) => boss.send(QUEUE, payload, RANKS[rank]),
      submitMany: (payloads, rank) =>
        boss.insert(
          QUEUE,
          payloads.map((data) => ({ data, ...RANKS[rank] })),
        ),
      close: () => boss.stop({ graceful: false }),
    };
  },

  async openWorker(servers, { profile, handle }) {
    const boss = await start(servers);
    await boss.work(QUEUE, SHAPES[profile], async (jobs) => {
      await Promise.all(jobs.map(({ data }) => handle(data)));
    });
    return { close: () => boss.stop({ graceful: true, timeout: 5_000 }) };
  },

  async openInspector({ postgresUrl }) {
    const pool = new pg.Pool({ connectionString: postgresUrl, max: 1 });
    return {
      async hasUnfinished() {
        const { rows } = await pool.query(
          `SELECT EXISTS (SELECT 1 FROM pgboss.job WHERE state < 'completed') AS found`,
        );
        return rows[0].found;
      },
      empty: () => pool.query('TRUNCATE pgboss.job CASCADE'),
      close: () => pool.end(),
    };
  },
};
