import type { z } from 'zod';
import { refuseSettings, show } from '../rules.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { findBadDefinition } from './check-definition.js';
import type { ParentJob } from './read-parents.js';
import type { RetryPolicy } from './retry-policy.js';

/** What a handler may log; lines are kept with the attempt in `job_executions`, capped. */
export interface JobLog {
  readonly debug: (message: string) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
}

/** What a handler is given besides its payload. */
export interface JobContext<Result = unknown> {
  readonly jobId: number;
  /** Which try this is, from 1. It changes with each retry: an idempotency key for other systems is better made from your data. */
  readonly attempt: number;
  readonly jobType: string;
  readonly queue: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /**
   * Aborted when the job is cancelled or over its timeout, when the worker shuts down, or when the worker has lost
   * ownership of the job. Pass it on: to `fetch`, to streams, to timers.
   */
  readonly signal: AbortSignal;
  readonly log: JobLog;
  /** Reports how far the work is, 0 to 100; shown with the job within about a second. */
  readonly progress: (percent: number) => void;
  /**
   * The jobs that this one depended on, with what their handlers returned, oldest first.
   *
   * @throws PostgresError
   */
  readonly parents: () => Promise<readonly ParentJob[]>;
  /**
   * Completes the job inside the caller's own transaction: the handler's writes and the completion commit together or
   * not at all. What the handler returns afterwards is ignored.
   *
   * @throws HoldfastError `already_finished` when this attempt no longer owns the job; let it roll the transaction back.
   *   PermanentError for a result that cannot be stored, before anything was written
   */
  readonly complete: (tx: QueryTarget, result?: Result) => Promise<void>;
}

/** A job type: its name, the shape of its payload, how it is run and retried. */
export interface JobDefinition<Schema extends z.ZodType = z.ZodType, Result = unknown> {
  /** 1 to 100 characters. */
  readonly type: string;
  /** Checked at submit and again before the handler runs. */
  readonly payload: Schema;
  /** Default `default`. */
  readonly queue?: string;
  /** 0 to 100, higher first. Default 50. */
  readonly priority?: number;
  /** How long an attempt may take, in milliseconds. Default 300,000 (five minutes). */
  readonly timeoutMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  run(payload: z.output<Schema>, ctx: JobContext<Result>): Promise<Result> | Result;
}

/** Any job definition, whatever its payload: what registries and workers hold. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `run` is contravariant in the payload; only `any` lets definitions of all payloads share one list
export type AnyJobDefinition = JobDefinition<any, any>;

/**
 * Declares a job type. Types of payload and result are inferred.
 *
 * @throws TypeError naming each setting that no job can have, and what it must be
 * @example
 * export const resize = defineJob({
 *   type: 'resize_image',
 *   payload: z.object({ url: z.url(), width: z.int().positive() }),
 *   async run({ url, width }, { signal }) { ... },
 * });
 */
export function defineJob<Schema extends z.ZodType, Result>(
  definition: JobDefinition<Schema, Result>,
): JobDefinition<Schema, Result> {
  refuseSettings(findBadDefinition(definition), `job type ${show(definition.type)}: `);
  return Object.freeze(definition);
}
