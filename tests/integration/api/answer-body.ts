import type { FieldProblem } from '../../../shared/errors.js';
import type { DeadLetterGroup } from '../../../shared/dead-letters/group-dead-letters.js';
import type { ListedDeadLetter } from '../../../shared/dead-letters/list-dead-letters.js';
import type { DeadLetterDetail } from '../../../shared/dead-letters/read-dead-letter.js';
import type { ApiKey } from '../../../shared/keys/api-key.js';
import type { ListedJob } from '../../../shared/jobs/list-jobs.js';
import type { QueueDepths } from '../../../shared/jobs/measure-depths.js';
import type { Throughput } from '../../../shared/jobs/measure-history.js';
import type { JobDetail } from '../../../shared/jobs/read-job.js';
import type { QueueDepth } from '../../../shared/queues/count-depths.js';
import type { ListedSchedule } from '../../../shared/schedules/list-schedules.js';
import type { ScheduleDetail } from '../../../shared/schedules/read-schedule.js';
import type { ApiDocument } from './check-answer.js';

/** What the answers may hold, all in one: each test knows which it asked for, and each is held against the document. */
export interface AnswerBody extends ApiDocument {
  readonly success: boolean;
  readonly error: string;
  readonly code: string;
  readonly details: readonly FieldProblem[];
  readonly request_id: string;
  readonly job_id: number;
  readonly job_ids: readonly number[];
  readonly existing: number;
  readonly status: string;
  readonly created_at: string;
  readonly job: JobDetail;
  readonly jobs: readonly ListedJob[];
  readonly dead_letter: DeadLetterDetail;
  readonly dead_letters: readonly ListedDeadLetter[];
  readonly groups: readonly DeadLetterGroup[];
  readonly already_replayed: boolean;
  readonly count: number;
  readonly skipped: number;
  readonly last_due_at: string | null;
  readonly is_existing: boolean;
  readonly was_replaced: boolean;
  readonly message: string;
  readonly queue: QueueBody;
  readonly queues: readonly QueueBody[];
  readonly worker: WorkerBody;
  readonly workers: readonly WorkerBody[];
  readonly dry_run: boolean;
  readonly has_more: boolean;
  readonly schedule: ScheduleDetail;
  readonly schedules: readonly ListedSchedule[];
  readonly fires: readonly string[];
  readonly pagination: {
    readonly total: number;
    readonly total_is_exact: boolean;
    readonly has_more: boolean;
    readonly next_cursor: number | null;
  };
  readonly key: ApiKey;
  readonly keys: readonly ApiKey[];
  readonly secret: string;
  readonly metrics: MetricsBody;
  readonly components: ApiDocument['components'] & Readonly<Record<string, { readonly status: string }>>;
}

export interface MetricsBody {
  readonly queue_depths: QueueDepths;
  readonly queue_depths_are_exact: boolean;
  readonly oldest_ready_seconds: Readonly<Record<string, number>>;
  readonly worker_health: readonly { readonly worker_id: string; readonly status: string }[];
  readonly statistics: Readonly<Record<string, unknown>>;
  readonly throughput: Throughput;
  readonly error_rates: {
    readonly overall: number;
    readonly by_job_type: Readonly<Record<string, number>>;
  };
}

export interface QueueBody {
  readonly name: string;
  readonly paused_at: string | null;
  readonly paused_by: string | null;
  readonly pause_reason: string | null;
  readonly depths: QueueDepth;
  readonly is_exact: boolean;
  readonly oldest_ready_seconds: number | null;
  readonly throughput: {
    readonly last_minute: number;
    readonly last_hour: number;
    readonly is_exact: boolean;
  };
  readonly workers: number;
}

export interface WorkerBody {
  readonly worker_id: string;
  readonly status: string;
  readonly version: string;
  readonly running: readonly {
    readonly job_id: number;
    readonly job_type: string;
    readonly queue: string;
    readonly attempt: number;
    readonly started_at: string;
  }[];
  readonly running_count: number;
}
