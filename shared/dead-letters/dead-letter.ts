/** Open: waits for a person. Replayed: its job was made to run again. Discarded: somebody decided that it need not. */
export type DeadLetterStatus = 'open' | 'replayed' | 'discarded';

export type DeadLetterReason = 'max_retries' | 'permanent' | 'poison' | 'dependency';

/** A row of `dead_letter_jobs`, without its payloads. */
export interface DeadLetterRow {
  readonly id: number;
  readonly job_id: number;
  readonly queue: string;
  readonly job_type: string;
  readonly status: DeadLetterStatus;
  readonly reason: DeadLetterReason;
  readonly error_message: string | null;
  readonly error_class: string | null;
  /** Alike errors of one job type have the same. */
  readonly fingerprint: string;
  /** The job's attempts up to here, lost ones too. */
  readonly attempts: number;
  readonly created_at: Date;
  readonly reviewed_at: Date | null;
  readonly reviewed_by: string | null;
  readonly note: string | null;
  /** The same job, or the new one where that had been deleted. */
  readonly replayed_job_id: number | null;
  /** Replayed with another payload. */
  readonly is_corrected: boolean;
}

/** The columns of DeadLetterRow, for a row `d` of dead_letter_jobs. */
export const DEAD_LETTER_COLUMNS = `d.id, d.job_id, d.queue, d.job_type, d.status, d.reason, d.error_message, d.error_class,
  d.fingerprint, d.attempts, d.created_at, d.reviewed_at, d.reviewed_by, d.note, d.replayed_job_id,
  d.replayed_payload IS NOT NULL AS is_corrected`;
