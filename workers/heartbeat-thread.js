/**
 * The heartbeat's thread: a handler that blocks the event loop must not look like a dead worker, so that beats come from
 * here, over a connection of this thread's own. Plain JavaScript: a thread is started by file name, from source and from
 * dist alike.
 *
 * It also ends the process when a job is over its timeout plus grace and the event loop never answered: nobody else can.
 * What it knows of the event loop's thread is on the board; see deadline-board.ts.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

/** @typedef {import('./heartbeat.js').HeartbeatThreadData} HeartbeatThreadData */
const LAST_WORD_MS = 3_000;
/** While attempts run. */
const WATCH_MS = 250;
const data = /** @type {HeartbeatThreadData} */ (workerData);
const board = new Float64Array(data.boardMemory);

/** @type {import('pg').Client | undefined} */
let client;
let isBeating = false;

const monotonicMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

async function connect() {
  // Loaded when it is needed: registering counted as the first beat, and a process that starts has other things to do.
  const { default: pg } = await import('pg');
  const connection = new pg.Client({
    ...data.connection,
    connectionTimeoutMillis: data.beatTimeoutMs,
    query_timeout: data.beatTimeoutMs,
  });
  connection.on('error', () => {
    client = undefined;
  });
  await connection.connect();
  const { processID } = /** @type {{ processID?: number | null }} */ (/** @type {unknown} */ (connection));
  await connection.query(data.adoptSql, [processID, data.schema]);
  return connection;
}

async function beat() {
  if (isBeating) return;
  isBeating = true;
  try {
    client ??= await connect();
    const { rowCount } = await client.query(data.beatSql, [data.workerId]);
    if (rowCount === 0) parentPort?.postMessage('dead');
  } catch {
    // PostgreSQL is away: the next beat connects again. Nobody is declared dead for that, see declareDeadWorkers.
    client?.end().catch(() => undefined);
    client = undefined;
  } finally {
    isBeating = false;
  }
}

/** @param {number} place */
const readEntry = (place) => ({
  deadlineMs: board[place] ?? Infinity,
  jobId: board[place + 1] ?? 0,
  attempt: board[place + 2] ?? 0,
});

/**
 * The job that is to blame for an event loop which stands still beyond a deadline; `jobId` 0: one of several, and which is
 * not known. Undefined: nothing is overdue, or what blocks has time left.
 */
function findOverdue() {
  const overdueAt = monotonicMs() - data.graceMs;
  const entered = readEntry(data.board.entered);
  if (entered.jobId !== 0) return entered.deadlineMs < overdueAt ? entered : undefined;
  const first = readEntry(data.board.first);
  if (first.deadlineMs >= overdueAt) return undefined;
  const isOnlyOne = (board[data.board.secondDeadlineMs] ?? Infinity) > monotonicMs();
  return isOnlyOne ? first : { ...first, jobId: 0 };
}

function watchEventLoop() {
  const stoodMs = monotonicMs() - (board[data.board.lastTurnMs] ?? 0);
  const overdue = stoodMs > data.stuckAfterMs ? findOverdue() : undefined;
  if (overdue) void endProcess(overdue, Math.round(stoodMs));
}

/**
 * @param {{ jobId: number, attempt: number }} overdue
 * @param {number} stoodMs
 */
async function endProcess({ jobId, attempt }, stoodMs) {
  stopTimers();
  const who = jobId === 0 ? 'one of several jobs' : `job ${jobId} (attempt ${attempt})`;
  const what = `${who} is over its timeout and has blocked the event loop for ${stoodMs} ms; ending the process`;
  writeSync(2, `holdfast: ${what}\n`);
  // What cannot be recorded in time, or for certain, is rescued as lost when the lease is over.
  const limit = setTimeout(endNow, LAST_WORD_MS);
  if (jobId !== 0) await recordEnd(jobId, attempt).catch(sayWhy);
  clearTimeout(limit);
  endNow();
}

/** @param {unknown} error */
const sayWhy = (error) => writeSync(2, `holdfast: that could not be recorded: ${String(error)}\n`);

const endNow = () => process.kill(process.pid, 'SIGKILL');

/**
 * @param {number} jobId
 * @param {number} attempt
 */
async function recordEnd(jobId, attempt) {
  const { workerId, endBlockedSql, policies, isDeadLetterEnabled } = data;
  const connection = await connect();
  await connection.query(endBlockedSql, [
    workerId,
    jobId,
    attempt,
    JSON.stringify(policies),
    isDeadLetterEnabled,
  ]);
}

// The first one soon enough for the shortest lease, and when the process has begun its work.
const firstBeat = setTimeout(beat, data.intervalMs / 2);
const beating = setInterval(beat, data.intervalMs);
/** @type {NodeJS.Timeout | undefined} */
let watching;

function stopTimers() {
  clearTimeout(firstBeat);
  clearInterval(beating);
  clearInterval(watching);
}

async function endThread() {
  stopTimers();
  await client?.end().catch(() => undefined);
  // Ends this thread alone, also while a connection is still being made.
  process.exit();
}

/** @param {'watch' | 'rest' | 'stop'} order */
function obey(order) {
  clearInterval(watching);
  if (order === 'watch') watching = setInterval(watchEventLoop, WATCH_MS);
  else if (order === 'stop') void endThread();
}

parentPort?.on('message', obey);
