import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { SLOTS } from './system.js';

const logger = new Logger(() => (level, message) => level === 'error' && console.error(message));
const BATCHED = { completeJobBatchDelay: 0, failJobBatchDelay: 0 };

/** The lower number goes first; 0 is the default. */
const RANKS = { normal: { priority: 0 }, urgent: { priority: -10 } };

/** As its own performance page and tests have it; without a local queue for latency. */
const PRESETS = {
  drain: { concurrentJobs: 24, localQueue: { size: 2_000, refetchDelay: { durationMs: 10 } }, ...BATCHED },
  idle: { concurrentJobs: 24 },
  steady: { concurrentJobs: 24, localQueue: { size: 500 }, ...BATCHED },
  slots: { concurrentJobs: SLOTS, localQueue: { size: 500 }, ...BATCHED },
};

/** @type {import('./system.js').System} */
export const system = {
  async setUp({ postgresUrl }) {
    const utils = await makeWorkerUtils({ connectionString: postgresUrl, logger });
    await utils.migrate();
    await utils.release();
  },

  async openProducer({ postgresUrl }) {
    const utils = await makeWorkerUtils({ connectionString: postgresUrl, maxPoolSize: 10, logger });
    return {
      submitOne: (payload, rank) => utils.addJob('noop', payload, RANKS[rank]),
      submitMany: (payloads, rank) =>
        utils.addJobs(payloads.map((payload) => ({ identifier: 'noop', payload, ...RANKS[rank] }))),
      close: () => utils.release(),
    };
  },

  async openWorker({ postgresUrl }, { profile, handle }) {
    const preset = {
      worker: { connectionString: postgresUrl, maxPoolSize: 30, logger, ...PRESETS[profile] },
    };
    const runner = await run({
      preset,
      taskList: { noop: (payload) => handle(payload) },
      noHandleSignals: true,
    });
    return { close: () => runner.stop() };
  },

  async openInspector({ postgresUrl }) {
    const pool = new pg.Pool({ connectionString: postgresUrl, max: 1 });
    return {
      async hasUnfinished() {
        const { rows } = await pool.query(
          'SELECT EXISTS (SELECT 1 FROM graphile_worker._private_jobs) AS found',
        );
        return rows[0].found;
      },
      empty: () => pool.query('TRUNCATE graphile_worker._private_jobs, graphile_worker._private_job_queues'),
      close: () => pool.end(),
    };
  },
};
