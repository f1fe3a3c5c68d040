import { createHash } from 'node:crypto';
import type { QueryTarget } from '../postgres/query-target.js';
import type { OutcomeOf } from './outcome.js';
import {
  DETAILS,
  errorParts,
  FAILURE_HISTORY,
  FENCE,
  runSettle,
  SHORT_LOCK_TIMEOUT,
  SUMMARY_OF_FINISHED,
  toBatch,
  type Settlement,
} from './settle-statement.js';

/** Running to failed: the attempt on record, and a dead letter for a person unless these are switched off ($6). */
const DEAD_LETTER_JOBS = `
  WITH settled AS (
    UPDATE jobs SET status = 'failed', completed_at = now(), updated_at = now(),
      error_message = ${DETAILS} ->> 'message', error_class = ${DETAILS} ->> 'error_class'
     WHERE ${FENCE} AND ${SHORT_LOCK_TIMEOUT}
    RETURNING id, attempt, started_at, has_dependents, queue, job_type, payload, error_message, error_class,
      ${DETAILS} AS its
  ), history AS (${FAILURE_HISTORY}
  ), letters AS (
    INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, error_message, error_class, fingerprint, attempts, reason)
    SELECT id, queue, job_type, payload, error_message, error_class, its ->> 'fingerprint', attempt,
           (its ->> 'reason')::dead_letter_reason FROM settled WHERE $6
    ON CONFLICT DO NOTHING
  )${SUMMARY_OF_FINISHED}`;

/** Returns the attempts that were still ours. @throws PostgresError */
export function deadLetterJobs(
  db: QueryTarget,
  workerId: string,
  outcomes: readonly OutcomeOf<'dead_letter'>[],
  isDeadLetterEnabled: boolean,
): Promise<Settlement> {
  const batch = toBatch(outcomes, ({ job, error, reason }) => ({
    ...errorParts(error),
    reason,
    fingerprint: fingerprint(job.jobType, error.errorClass, error.message),
  }));
  return runSettle(db, DEAD_LETTER_JOBS, workerId, batch, [isDeadLetterEnabled]);
}

/** Groups alike errors of a job type: the message without what differs from job to job (numbers, ids, quoted values). */
export function fingerprint(jobType: string, errorClass: string, message: string): string {
  const shape = message
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<id>')
    // Hexadecimal ids: long, with a digit and a letter, which no word has and no plain number.
    .replace(/\b(?=\w*\d)(?=\w*[a-f])[0-9a-f]{8,}\b/gi, '<id>')
    .replace(/"[^"]*"|'[^']*'/g, '<value>')
    .replace(/\b0x[0-9a-f]+\b|\d+/gi, '<n>');
  return createHash('sha256').update(`${jobType}\n${errorClass}\n${shape}`).digest('hex').slice(0, 16);
}

/** `fingerprint(job_type, 'lost', 'poison')` in SQL, for who rescues a job whose type it does not know: one group per job type. */
export const POISON_FINGERPRINT = `left(encode(sha256(convert_to(job_type || E'\\nlost\\npoison', 'UTF8')), 'hex'), 16)`;
