import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import pg from 'pg';
import type { Service } from '../shared/lifecycle/service.js';
import { END_BLOCKED, type TypePolicies } from '../shared/jobs/end-blocked.js';
import { ADOPT_SESSION } from '../shared/postgres/kept-plans.js';
import { BEAT } from '../shared/workers/registry.js';
import { BOARD } from './deadline-board.js';
import type { RunningAttempts } from './running-attempts.js';

export interface HeartbeatThreadData {
  readonly connection: pg.ClientConfig;
  readonly workerId: string;
  /** Makes a new connection ours; see ADOPT_SESSION. */
  readonly adoptSql: string;
  /** Quoted. */
  readonly schema: string;
  readonly beatSql: string;
  readonly intervalMs: number;
  /** A beat over a connection that does not answer, or that is not made in this time, is given up for a new connection. */
  readonly beatTimeoutMs: number;
  readonly graceMs: number;
  readonly stuckAfterMs: number;
  readonly board: typeof BOARD;
  readonly boardMemory: SharedArrayBuffer;
  readonly endBlockedSql: string;
  readonly policies: TypePolicies;
  readonly isDeadLetterEnabled: boolean;
}

export interface HeartbeatOptions {
  readonly connection: pg.ClientConfig;
  /** Where Holdfast's tables are. */
  readonly schema: string;
  readonly workerId: string;
  readonly intervalMs: number;
  /** What a job over its timeout gets to end by itself. */
  readonly graceMs: number;
  readonly running: RunningAttempts;
  /** For a job that blocks the event loop beyond its timeout; see END_BLOCKED. */
  readonly policies: TypePolicies;
  readonly isDeadLetterEnabled: boolean;
  /** The worker was declared dead: it owns nothing any more. */
  onDead(): void;
}

const THREAD_FILE = fileURLToPath(new URL('./heartbeat-thread.js', import.meta.url));
const STUCK_AFTER_MS = 1_000;

export interface Heartbeat extends Service {
  /** Whether attempts run, so that somebody must see to it that the event loop turns. */
  watch(isBusy: boolean): void;
}

/** Beats from a thread of its own, which also ends the process when a job blocks it beyond its timeout. */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  let thread: Thread | undefined;
  let isWatching = false;

  function watch(isBusy: boolean): void {
    isWatching = isBusy;
    thread?.postMessage(isBusy ? 'watch' : 'rest');
  }

  return {
    name: 'heartbeat',
    watch,
    async start() {
      const { connection, schema, workerId, intervalMs, graceMs, policies, isDeadLetterEnabled } = options;
      const workerData: HeartbeatThreadData = {
        connection,
        schema: pg.escapeIdentifier(schema),
        adoptSql: ADOPT_SESSION,
        workerId,
        beatSql: BEAT,
        intervalMs,
        beatTimeoutMs: Math.max(intervalMs, 1_000),
        graceMs,
        stuckAfterMs: STUCK_AFTER_MS,
        board: BOARD,
        boardMemory: options.running.board.memory,
        endBlockedSql: END_BLOCKED,
        policies,
        isDeadLetterEnabled,
      };
      const started = new Thread(THREAD_FILE, { workerData });
      thread = started;
      watch(isWatching);
      started.on('message', (message) => {
        if (message === 'dead') options.onDead();
      });
      started.on('error', () => undefined);
      // Without beats the worker will be declared dead: better to start over at once.
      started.on('exit', () => {
        if (thread !== started) return;
        thread = undefined;
        options.onDead();
      });
      await new Promise<void>((resolve) => {
        started.once('online', resolve);
        started.once('exit', () => resolve());
      });
    },
    async stop() {
      const stopping = thread;
      thread = undefined;
      if (!stopping) return;
      const ended = new Promise<void>((resolve) => stopping.once('exit', () => resolve()));
      stopping.postMessage('stop');
      const timer = setTimeout(() => void stopping.terminate(), 2_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
