import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { dispatchReadyOf } from '../jobs/dispatch-jobs.js';
import { DEFAULT_MOST_BYTES, findProblem } from '../jobs/storable-json.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { noDeadLetter } from './read-dead-letter.js';

export interface ReplayRequest {
  /** Instead of the one that the job died of; that stays with the letter. Left out: as it was. */
  readonly payload?: Readonly<Record<string, unknown>> | undefined;
  readonly note?: string | undefined;
  /** Who asks, where that is known. */
  readonly by?: string | null | undefined;
}

export interface Replay {
  /** The letter's own job, or a new one when that had been deleted. */
  readonly jobId: number;
  /** True: somebody was faster, and nothing was changed. */
  readonly isAlreadyReplayed: boolean;
}

interface Answer {
  readonly outcome: 'replayed' | 'already_replayed' | 'already_discarded' | 'job_not_failed' | 'not_found';
  readonly jobId: number | null;
}

const REPLAY_DEAD_LETTER = `
  SELECT r.outcome, r.job_id AS "jobId" FROM (SELECT) AS one CROSS JOIN LATERAL try_replay_dead_letter($1, $2, $3, $4) r
   WHERE ${lockTimeout('1s')}`;

/**
 * Runs a dead letter's job again: the same row is pending, its retries and losses counted anew, its attempts going on.
 * However often it is asked for, also at once, the job runs again once.
 *
 * @throws HoldfastError `not_found`; `validation_failed` for a payload that cannot be stored; `not_replayable` when the letter
 *   was discarded or its job has not failed; `unique_key_in_use`; `busy` when another transaction holds a row
 */
export async function replayDeadLetter(
  installation: Installation,
  id: number,
  { payload, note, by = null }: ReplayRequest = {},
): Promise<Replay> {
  if (payload !== undefined) checkPayload(payload, installation.jobDefaults.maxPayloadBytes);
  const values = [id, payload ?? null, by, note ?? null];
  const { rows } = await installation.db.query<Answer>(REPLAY_DEAD_LETTER, values).catch((error: unknown) => {
    throw explain(id, error);
  });
  const { outcome, jobId } = rows[0] as Answer;
  if (outcome === 'not_found') throw noDeadLetter(id);
  if (outcome === 'already_discarded' || outcome === 'job_not_failed' || jobId === null) {
    throw new HoldfastError('not_replayable', describeRefusal(id, outcome, jobId));
  }
  if (outcome === 'replayed') {
    installation.events.emit('deadLetterReplayed', { ids: [id], by });
    // The replay is committed, and the promoter knows of it: a failure here must not be the answer.
    await dispatchReadyOf(installation, [jobId]).catch(() => undefined);
  }
  return { jobId, isAlreadyReplayed: outcome === 'already_replayed' };
}

/** As a submit would: the same limit, the same words. */
function checkPayload(payload: unknown, mostBytes = DEFAULT_MOST_BYTES): void {
  const advice = 'store it elsewhere and replay with a reference to it, or raise JOB_MAX_PAYLOAD_BYTES';
  const problem = findProblem(payload, { mostBytes, advice });
  if (problem === undefined) return;
  const details = [{ field: 'payload', problem }];
  throw new HoldfastError('validation_failed', `payload: ${problem}`, { details });
}

const describeRefusal = (id: number, outcome: Answer['outcome'], jobId: number | null): string =>
  outcome === 'job_not_failed'
    ? `job ${jobId} of dead letter ${id} has not failed: somebody ran it again by hand; discard the dead letter`
    : `dead letter ${id} was discarded; retry its job instead, or submit a new one`;

function explain(id: number, error: unknown): unknown {
  if (isPostgresError(error, 'lock_conflict')) {
    const what = `dead letter ${id}, or its job, is locked by another transaction; try again`;
    return new HoldfastError('busy', what, { cause: error });
  }
  if (isPostgresError(error, 'constraint') && error.constraint === 'jobs_unique_key') {
    return new HoldfastError('unique_key_in_use', error.message, { cause: error });
  }
  return error;
}
