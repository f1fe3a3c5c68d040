import type { FieldProblem } from '../../../shared/errors.js';
import type { ListedJob } from '../../../shared/jobs/list-jobs.js';
import type { QueueDepths } from '../../../shared/jobs/measure-depths.js';
import type { Throughput } from '../../../shared/jobs/measure-history.js';
import type { JobDetail } from '../../../shared/jobs/read-job.js';
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
  readonly status: string;
  readonly created_at: string;
  readonly job: JobDetail;
  readonly jobs: readonly ListedJob[];
  readonly pagination: {
    readonly total: number;
    readonly total_is_exact: boolean;
    readonly has_more: boolean;
    readonly next_cursor: number | null;
  };
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
