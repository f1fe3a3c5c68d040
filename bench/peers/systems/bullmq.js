import { Queue, Worker } from 'bullmq';
import { QUEUE, SLOTS } from './system.js';

/** A database of its own in the same Redis. @param {import('./system.js').Servers} servers */
const connectionOf = ({ redisUrl }) => ({ url: new URL('/1', redisUrl).href });

/** The lower number goes first; a job without one goes before all that have one. */
const RANKS = { normal: { priority: 10 }, urgent: { priority: 1 } };

/** Workers a process, and slots of each. */
const SHAPES = { drain: [4, 100], idle: [1, SLOTS], steady: [1, SLOTS], slots: [1, SLOTS] };

/** @type {import('./system.js').System} */
export const system = {
  async setUp() {
    // Nothing to create.
  },

  async openProducer(servers) {
    const queue = new Queue(QUEUE, { connection: connectionOf(servers) });
    await queue.waitUntilReady();
    return {
      submitOne: (payload, rank) => queue.add('noop', payload, RANKS[rank]),
      submitMany: (payloads, rank) =>
        queue.addBulk(payloads.map((data) => ({ name: 'noop', data, opts: RANKS[rank] }))),
      close: () => queue.close(),
    };
  },

  async openWorker(servers, { profile, handle }) {
    const [count, concurrency] = SHAPES[profile];
    const run = async ({ data }) => handle(data);
    const options = { connection: connectionOf(servers), concurrency, removeOnComplete: { count: 1_000 } };
    const workers = Array.from({ length: count }, () => new Worker(QUEUE, run, options));
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    return { close: () => Promise.all(workers.map((worker) => worker.close())) };
  },

  async openInspector(servers) {
    const queue = new Queue(QUEUE, { connection: connectionOf(servers) });
    return {
      async hasUnfinished() {
        const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'prioritized');
        return Object.values(counts).some((count) => count > 0);
      },
      empty: () => queue.obliterate({ force: true }),
      close: () => queue.close(),
    };
  },
};
