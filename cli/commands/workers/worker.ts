/** What the commands read of a worker; see api/schemas/workers.ts. */
export interface Worker {
  readonly worker_id: string;
  readonly status: string;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly queues: readonly string[];
  readonly job_types: readonly string[];
  readonly concurrency: number;
  readonly started_at: string;
  readonly last_seen_at: string;
  readonly dead_at: string | null;
  readonly stopped_at: string | null;
  readonly running: readonly RunningJob[];
  readonly running_count: number;
}

export interface RunningJob {
  readonly job_id: number;
  readonly job_type: string;
  readonly queue: string;
  readonly attempt: number;
  readonly started_at: string;
}
