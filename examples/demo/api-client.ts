import { z } from 'zod';

const listed = z.object({
  id: z.int(),
  job_type: z.string(),
  status: z.enum(['pending', 'running', 'completed', 'failed', 'cancelled']),
  retry_count: z.int(),
  progress: z.number().nullable(),
});
const detailed = listed.extend({
  state: z.string(),
  reason: z.string(),
  payload: z.unknown(),
  result: z.unknown(),
  error_message: z.string().nullable(),
  created_at: z.coerce.date(),
  depends_on: z.array(z.object({ job_id: z.int() })),
  executions: z.array(
    z.object({
      attempt: z.int(),
      status: z.string(),
      started_at: z.coerce.date(),
      duration_ms: z.number(),
      error_message: z.string().nullable(),
    }),
  ),
});

/** What the demo reads of a job; the API tells more. */
export type ListedJob = z.output<typeof listed>;
export type DetailedJob = z.output<typeof detailed>;

/** An answer other than 2xx. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const LONGEST_ANSWER_MS = 10_000;

/** The HTTP API, as any other program would call it. */
export class ApiClient {
  constructor(
    readonly url: string,
    private readonly signal: AbortSignal,
  ) {}

  /** The same API for somebody who must not be stopped by the first one's signal. */
  withSignal(signal: AbortSignal): ApiClient {
    return new ApiClient(this.url, signal);
  }

  async submit(job: Record<string, unknown>): Promise<number> {
    return z.object({ job_id: z.int() }).parse(await this.call('POST', '/api/jobs', job)).job_id;
  }

  async job(id: number): Promise<DetailedJob> {
    return z.object({ job: detailed }).parse(await this.call('GET', `/api/jobs/${id}`)).job;
  }

  async jobsOf(queue: string): Promise<ListedJob[]> {
    const answer = await this.call('GET', `/api/jobs?queue=${encodeURIComponent(queue)}&limit=100`);
    return z.object({ jobs: z.array(listed) }).parse(answer).jobs;
  }

  async cancel(id: number, reason: string): Promise<void> {
    await this.call('DELETE', `/api/jobs/${id}?reason=${encodeURIComponent(reason)}`);
  }

  private async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.any([this.signal, AbortSignal.timeout(LONGEST_ANSWER_MS)]),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { error = response.statusText } = answer as { error?: string };
    throw new ApiError(response.status, `${method} ${path} was answered with ${response.status}: ${error}`);
  }
}
