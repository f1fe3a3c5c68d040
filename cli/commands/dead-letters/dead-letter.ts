import type { Execution } from '../jobs/job.js';

/** What the commands read of a dead letter; the API tells more (api/schemas/dead-letters.ts). */
export interface DeadLetter {
  readonly id: number;
  readonly job_id: number;
  readonly queue: string;
  readonly job_type: string;
  readonly error_message: string | null;
  readonly error_class: string | null;
  readonly fingerprint: string;
  readonly attempts: number;
  readonly reason: string;
  readonly status: string;
  readonly created_at: string;
  readonly reviewed_at: string | null;
  readonly reviewed_by: string | null;
  readonly note: string | null;
  readonly replayed_job_id: number | null;
  readonly is_corrected: boolean;
}

export interface DeadLetterDetail extends DeadLetter {
  readonly payload: unknown;
  readonly replayed_payload: unknown;
  readonly job_status: string | null;
  readonly executions: readonly Execution[];
  /** Each time that the job died. */
  readonly replays: readonly DeadLetter[];
}

export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly job_type: string;
  readonly error_class: string | null;
  readonly error_message: string | null;
  readonly count: number;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly queues: readonly string[];
}
