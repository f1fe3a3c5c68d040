import { FINISHED, type JobStatus } from '../shared/jobs/job-state.js';
import type { AttemptLogs, FollowedJob } from '../shared/jobs/follow-jobs.js';
import type { StreamEvent } from './event-stream.js';

/** What a listener has been told of a job. It is the events' id, so that any process can go on from it. */
export interface Told {
  /** Logs were sent up to this attempt. */
  readonly logs: number;
  readonly attempt: number;
  readonly status: JobStatus | '';
  readonly progress: number | null;
}

export const TOLD_NOTHING: Told = { logs: 0, attempt: -1, status: '', progress: null };

const ID = /^(\d{1,9})\.(\d{1,9})\.(pending|running|completed|failed|cancelled)\.(\d{1,3})?$/;

/** Undefined: not one of our ids. */
export function parseTold(id: string): Told | undefined {
  const [, logs, attempt, status, progress] = ID.exec(id) ?? [];
  if (logs === undefined) return undefined;
  return {
    logs: Number(logs),
    attempt: Number(attempt),
    status: status as JobStatus,
    progress: progress === undefined ? null : Number(progress),
  };
}

const formatTold = ({ logs, attempt, status, progress }: Told): string =>
  `${logs}.${attempt}.${status}.${progress ?? ''}`;

/** Attempts of the job that have ended. */
export const endedAttempts = ({ status, attempt }: FollowedJob): number =>
  status === 'running' ? attempt - 1 : attempt;

export const isFinished = ({ status }: Pick<FollowedJob, 'status'>): boolean => FINISHED.includes(status);

export function hasNews(told: Told, job: FollowedJob): boolean {
  const { attempt, status, progress } = job;
  const isSame = told.status === status && told.attempt === attempt && told.progress === progress;
  return !isSame || told.logs < endedAttempts(job);
}

/** The events that lead from what was told to how the job stands: logs of ended attempts, status, progress. */
export function tellNews(
  told: Told,
  job: FollowedJob,
  attempts: readonly AttemptLogs[],
): { events: StreamEvent[]; told: Told } {
  const events: StreamEvent[] = [];
  let now = told;
  const tell = (event: string, change: Partial<Told>, data: unknown) => {
    now = { ...now, ...change };
    events.push({ event, id: formatTold(now), data });
  };
  // Before the first status an id could not be written.
  if (now.status === '') now = { ...now, status: 'pending', attempt: 0 };
  for (const { attempt, status, error_message, logs } of attempts) {
    tell('logs', { logs: attempt }, { attempt, status, error_message, lines: logs ?? [] });
  }
  const { id, progress, ...rest } = job;
  const tellProgress = () => {
    // A pending job may still show how far its last attempt came.
    if (progress === null || job.status === 'pending' || now.progress === progress) return;
    tell('progress', { progress }, { job_id: id, attempt: job.attempt, percent: progress });
  };
  const { status, attempt } = job;
  // Nothing comes after the last status.
  if (isFinished(job)) tellProgress();
  if (told.status !== status || told.attempt !== attempt) {
    tell('status', { status, attempt, progress: isFinished(job) ? progress : null }, { job_id: id, ...rest });
  }
  if (!isFinished(job)) tellProgress();
  // An attempt that left no row, such as one that a person wrote, is not asked for again.
  const ended = endedAttempts(job);
  const isAllRead = attempts.length < 100;
  return { events, told: { ...now, progress, logs: isAllRead ? Math.max(now.logs, ended) : now.logs } };
}
