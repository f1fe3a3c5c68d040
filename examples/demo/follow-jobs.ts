import { setTimeout as wait } from 'node:timers/promises';
import { ApiError, type ApiClient, type DetailedJob, type ListedJob } from './api-client.js';

/** How many of the demo's jobs are where. */
export interface Counts {
  readonly finished: number;
  readonly running: number;
  /** Waiting, for their time, for a slot, for other jobs or for another try. */
  readonly waiting: number;
  readonly retried: number;
  /** Of the running job that reports how far it is, in percent. */
  readonly percent: number | undefined;
}

export interface FollowOptions {
  readonly api: ApiClient;
  readonly queue: string;
  readonly signal: AbortSignal;
  readonly onLook: (counts: Counts) => void;
}

const LOOK_EVERY_MS = 200;

const isFinished = ({ status }: ListedJob) => status !== 'pending' && status !== 'running';

/** Looks at the queue until all its jobs have ended. */
export async function followJobs({ api, queue, signal, onLook }: FollowOptions): Promise<void> {
  for (;;) {
    const jobs = await api.jobsOf(queue);
    const finished = jobs.filter(isFinished).length;
    const running = jobs.filter(({ status }) => status === 'running');
    const retried = jobs.filter((job) => job.retry_count > 0).length;
    onLook({
      finished,
      running: running.length,
      waiting: jobs.length - finished - running.length,
      retried,
      percent: running.find(({ progress }) => progress !== null)?.progress ?? undefined,
    });
    if (finished === jobs.length) return;
    await wait(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Lets the job run for a moment, then cancels it. */
export async function cancelWhileRunning(api: ApiClient, id: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { status } = await api.job(id);
    if (status === 'running') break;
    if (status !== 'pending') return;
    await wait(LOOK_EVERY_MS, undefined, { signal });
  }
  await wait(1_500, undefined, { signal });
  await api.cancel(id, 'cancelled by the demo').catch((error: unknown) => {
    // It has just ended by itself; that it should not have, the check of the ends will say.
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  });
}

const MOST_SHOWN = 12;

/** What is still open and why, one line for each job. */
export async function describeOpenJobs(api: ApiClient, queue: string): Promise<string[]> {
  const open = (await api.jobsOf(queue)).filter((job) => !isFinished(job));
  const shown = await Promise.all(open.slice(0, MOST_SHOWN).map(({ id }) => api.job(id)));
  const more = open.length - shown.length;
  return [...shown.map(describe), ...(more > 0 ? [`and ${more} more`] : [])];
}

const describe = ({ id, job_type, state, reason }: DetailedJob) =>
  `job ${id} ${job_type} is ${state}: ${reason}`;
