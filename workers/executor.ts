import type { z } from 'zod';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { decideFailure } from '../shared/jobs/decide-outcome.js';
import type { AnyJobDefinition } from '../shared/jobs/define-job.js';
import { keepCancelledLogs } from '../shared/jobs/keep-cancelled-logs.js';
import { PermanentError, TransientError } from '../shared/jobs/job-errors.js';
import { complete, type Outcome } from '../shared/jobs/outcome.js';
import type { RetryPolicy } from '../shared/jobs/retry-policy.js';
import { Attempt, type AttemptHome } from './attempt.js';
import type { RunningAttempts } from './running-attempts.js';

export interface ExecutorOptions extends AttemptHome {
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  readonly running: RunningAttempts;
  /** For what a job type leaves open. */
  readonly retryPolicy: RetryPolicy;
}

/** Runs one attempt from claim to outcome. Never throws. `null`: nothing is to be settled, the attempt is no longer ours. */
export async function executeJob(job: ClaimedJob, options: ExecutorOptions): Promise<Outcome | null> {
  const definition = options.jobs.get(job.jobType) as AnyJobDefinition;
  const attempt = new Attempt(job, options);
  options.running.add(attempt);
  let result: unknown;
  let failure: { error: unknown } | undefined;
  try {
    const payload = checkPayload(definition, job);
    result = await attempt.run((): unknown =>
      options.running.board.enter(attempt, (): unknown => definition.run(payload, attempt)),
    );
    failure = failureAfterReturn(attempt);
  } catch (error) {
    failure = { error };
  } finally {
    options.running.delete(attempt);
  }
  // The rescue recorded the attempt.
  if (attempt.abortedFor === 'lost') return null;
  if (attempt.abortedFor === 'cancelled') {
    // The cancel did, all but this.
    await keepCancelledLogs(options.db, options.workerId, job, attempt.logs);
    return null;
  }
  const end = { job, durationMs: attempt.durationMs, logs: attempt.logs };
  if (!failure) return complete(end, result);
  const policy = { ...options.retryPolicy, ...definition.retry };
  return decideFailure({ ...end, error: failure.error, abortedFor: attempt.abortedFor }, policy);
}

/** The schema is checked at submit too, but SQL and other languages submit without it, and schemas change. */
function checkPayload(definition: AnyJobDefinition, job: ClaimedJob): unknown {
  const parsed = (definition.payload as z.ZodType).safeParse(job.payload);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.map(String).join('.') || 'payload'}: ${issue.message}`,
  );
  throw new PermanentError(`the payload does not fit job type ${job.jobType}: ${problems.join('; ')}`);
}

/** A handler that returned may still have failed. */
function failureAfterReturn(attempt: Attempt): { error: unknown } | undefined {
  // It finished its work although it was told to stop: what it returned counts.
  attempt.abortedFor =
    attempt.abortedFor === 'timeout' || attempt.abortedFor === 'shutdown' ? undefined : attempt.abortedFor;
  if (!attempt.isCompletedInTransaction) return undefined;
  // Either that transaction committed, and the settle finds the attempt on record; or it did not, and this is true.
  return {
    error: new TransientError('the transaction in which the handler completed the job did not commit'),
  };
}
