/**
 * The heartbeat's thread: a handler that blocks the event loop must not look like a dead worker, so that beats come from
 * here, over a connection of this thread's own. Plain JavaScript: a thread is started by file name, from source and from
 * dist alike.
 *
 * It also ends the process when a job is over its timeout plus grace and the event loop never answered: nobody else can.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';

/** @typedef {import('./heartbeat.js').HeartbeatThreadData} HeartbeatThreadData */
const data = /** @type {HeartbeatThreadData} */ (workerData);
const clock = new Float64Array(data.clock);

/** @type {pg.Client | undefined} */
let client;
let isBeating = false;

const monotonicMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

async function connect() {
  const connection = new pg.Client({ ...data.connection, query_timeout: data.beatTimeoutMs });
  connection.on('error', () => {
    client = undefined;
  });
  await connection.connect();
  return connection;
}

async function beat() {
  if (isBeating) return;
  isBeating = true;
  try {
    client ??= await connect();
    const { rowCount } = await client.query(data.beatSql, [data.workerId]);
    parentPort?.postMessage(rowCount === 1 ? 'beat' : 'dead');
  } catch {
    // PostgreSQL is away: the next beat connects again. Nobody is declared dead for that, see declareDeadWorkers.
    client?.end().catch(() => undefined);
    client = undefined;
  } finally {
    isBeating = false;
  }
}

function watchEventLoop() {
  const [lastTurnMs = 0, deadlineMs = Infinity] = clock;
  const now = monotonicMs();
  const isStuck = now - lastTurnMs > data.stuckAfterMs;
  if (isStuck && now > deadlineMs + data.graceMs) {
    writeSync(
      2,
      `holdfast: a job is over its timeout and has blocked the event loop for ${Math.round(now - lastTurnMs)} ms; ending the process\n`,
    );
    process.kill(process.pid, 'SIGKILL');
  }
}

const timers = [setInterval(beat, data.intervalMs), setInterval(watchEventLoop, 250)];
parentPort?.on('message', async () => {
  for (const timer of timers) clearInterval(timer);
  await client?.end().catch(() => undefined);
  // Ends this thread alone, also while a connection is still being made.
  process.exit();
});
void beat();
