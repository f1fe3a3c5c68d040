/** What the commands read of a job; the API tells more (api/schemas/jobs.ts). */
export interface ListedJob {
  readonly id: number;
  readonly queue: string;
  readonly job_type: string;
  readonly status: string;
  readonly state: string;
  readonly reason: string;
  readonly priority: number;
  readonly attempt: number;
  readonly retry_count: number;
  readonly max_retries: number;
  readonly progress: number | null;
  readonly error_message: string | null;
  readonly created_at: string;
}

export interface JobDetail extends ListedJob {
  readonly payload: unknown;
  readonly result: unknown;
  readonly error_class: string | null;
  readonly timeout_ms: number;
  readonly lost_count: number;
  readonly scheduled_at: string | null;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly created_by: string | null;
  readonly worker_id: string | null;
  readonly metadata: unknown;
  readonly tags: readonly string[] | null;
  readonly unique_key: string | null;
  readonly idempotency_key: string | null;
  readonly executions: readonly Execution[];
  readonly executions_total: number;
  readonly depends_on: readonly Neighbour[];
  readonly dependents: readonly Neighbour[];
}

export interface Execution {
  readonly attempt: number;
  readonly worker_id: string | null;
  readonly status: string;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly error_message: string | null;
  readonly error_stack: string | null;
  readonly logs: readonly LogLine[] | null;
}

export interface LogLine {
  readonly at: string;
  readonly level: string;
  readonly message: string;
}

export interface Neighbour {
  readonly job_id: number;
  readonly on_failure: string;
  readonly status: string;
}
