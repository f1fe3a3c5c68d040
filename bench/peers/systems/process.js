/**
 * A process of one system: `node process.js SYSTEM`, told by its parent what to do. Plain JavaScript, and outside the build:
 * the peers' packages are there only where this benchmark has run.
 */
import { setTimeout as wait } from 'node:timers/promises';

const { system } = await import(`./${process.argv[2]}.js`);
/** Wall clock with microseconds, the same in all processes of a machine. */
const nowMs = () => performance.timeOrigin + performance.now();
/** Jobs to him say when they were submitted. */
const TIMED = 'another@example.com';

let producer;
let inspector;
let worker;
let runs = 0;
let stored = 0;
let latencies = [];
let tellNext = () => undefined;
let handlerMs = 0;
let isTimed = false;

function handle({ n, to }) {
  runs++;
  if (isTimed && to === TIMED) {
    const latency = nowMs() - n;
    latencies.push(latency);
    tellNext(latency);
  }
  if (handlerMs > 0) return wait(handlerMs);
}

const payloadsOf = (count) => Array.from({ length: count }, (_, n) => ({ n, to: 'someone@example.com' }));
const timed = () => ({ n: nowMs(), to: TIMED });

/** Runs `inFlight` callers, each with one call under way, `times` calls in all. Milliseconds. */
async function callTimes(times, inFlight, call) {
  let left = times;
  const start = performance.now();
  const caller = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return performance.now() - start;
}

/** What a system that cannot keep up refuses is missing in the end, and counts as waiting all that time. */
const submitCounted = () =>
  producer.submitOne(timed()).then(
    () => void stored++,
    () => undefined,
  );

const commands = {
  setUp: (servers) => system.setUp(servers),
  openProducer: async (servers) => void (producer = await system.openProducer(servers)),
  openInspector: async (servers) => void (inspector = await system.openInspector(servers)),
  async openWorker(servers, options) {
    ({ handlerMs = 0, isTimed = false } = options);
    worker = await system.openWorker(servers, { ...options, handle });
  },
  hasUnfinished: () => inspector.hasUnfinished(),
  looksBusy: () => (inspector.looksBusy ?? inspector.hasUnfinished)(),
  empty: async () => void (await inspector.empty()),
  submitMany: (count, batch, inFlight, rank) =>
    callTimes(count / batch, inFlight, () => producer.submitMany(payloadsOf(batch), rank)),
  submitOneByOne: (count, inFlight) => callTimes(count, inFlight, () => producer.submitOne(payloadsOf(1)[0])),
  submitTimed: async (rank) => void (await producer.submitOne(timed(), rank)),
  /** An open loop: jobs come at their time, whether those before them were stored or not. */
  async submitSteadily(perSecond, seconds) {
    const start = performance.now();
    let begun = 0;
    let ended = 0;
    while (ended < perSecond * seconds) {
      const due = Math.min(((performance.now() - start) / 1_000) * perSecond, perSecond * seconds);
      for (; begun < due; begun++) void submitCounted().then(() => ended++);
      await wait(1);
    }
  },
  stored: () => stored,
  runs: () => runs,
  /** Of the next job to begin; nobody asks in between, which would disturb what is measured. */
  nextLatency: () => new Promise((resolve) => (tellNext = resolve)),
  takeLatencies: () => latencies.splice(0),
  usage: () => ({ cpuMs: sum(process.cpuUsage()) / 1_000, rssBytes: process.memoryUsage.rss() }),
  async close() {
    await worker?.close();
    await producer?.close();
    await inspector?.close();
    return runs;
  },
};

const sum = ({ user, system: kernel }) => user + kernel;

process.on('message', async ({ id, command, args }) => {
  try {
    process.send({ id, result: await commands[command](...args) });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit());
// What a system takes to load is not what is measured.
process.send({ id: 0 });
