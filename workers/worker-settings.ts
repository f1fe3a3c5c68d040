import type { AnyJobDefinition } from '../shared/jobs/define-job.js';
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from '../shared/jobs/retry-policy.js';
import { DEFAULT_MOST_BYTES } from '../shared/jobs/storable-json.js';

/** How a worker works. Times are milliseconds. */
export interface WorkerSettings {
  /** The job types it handles. */
  readonly jobs: readonly AnyJobDefinition[];
  /** Queue names, or for each queue its own number of slots (undefined: it shares `concurrency`). Default `['default']`. */
  readonly queues?: readonly string[] | Readonly<Record<string, number | undefined>>;
  /** Jobs running at once, over all queues that have no slots of their own. Default 5. */
  readonly concurrency?: number;
  /** How long an idle worker waits before it looks in PostgreSQL itself. Default 1,000. */
  readonly pollIntervalMs?: number;
  /** Default 2,000. */
  readonly heartbeatIntervalMs?: number;
  /** Without a heartbeat for this long, the worker is declared dead and its jobs run elsewhere. Default 10,000. */
  readonly deadAfterMs?: number;
  /** What running handlers get to finish when the worker stops, before they are aborted. Default 30,000. */
  readonly shutdownTimeoutMs?: number;
  /** What an aborted handler gets to end by itself. Default 5,000. */
  readonly abortGraceMs?: number;
  /**
   * How long retries wait, for what a job type leaves open. How many there are is said at the submit, see `JobDefaults`: `maxRetries`
   * has no effect here.
   */
  readonly retryPolicy?: Partial<RetryPolicy>;
  /** False: a job out of retries is only failed. Default true. */
  readonly isDeadLetterEnabled?: boolean;
  /** Outcomes that may wait for PostgreSQL before the worker stops taking jobs. Default 10,000. */
  readonly maxUnsettled?: number;
  /** The largest result a handler may return, in bytes of JSON; beyond it the job fails for good. Default 1,048,576 (1 MiB). */
  readonly maxResultBytes?: number;
}

export interface ResolvedSettings extends Omit<Required<WorkerSettings>, 'jobs' | 'queues' | 'retryPolicy'> {
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  /** Slots of its own, or undefined: shares `concurrency`. */
  readonly queues: ReadonlyMap<string, number | undefined>;
  readonly retryPolicy: RetryPolicy;
}

/** Of settings that are each possible; see check-settings.ts. @throws TypeError for settings that contradict each other */
export function resolveSettings(settings: WorkerSettings): ResolvedSettings {
  const { jobs, queues = ['default'], retryPolicy, ...rest } = settings;
  const byType = new Map(jobs.map((job) => [job.type, job]));
  if (byType.size < jobs.length)
    throw new TypeError('two of the jobs have the same type; each type has one handler');
  if (byType.size === 0) throw new TypeError('a worker needs at least one job type');
  const slots = isNameList(queues)
    ? queues.map((queue) => [queue, undefined] as const)
    : Object.entries(queues);
  const resolved = {
    concurrency: 5,
    pollIntervalMs: 1_000,
    heartbeatIntervalMs: 2_000,
    deadAfterMs: 10_000,
    shutdownTimeoutMs: 30_000,
    abortGraceMs: 5_000,
    isDeadLetterEnabled: true,
    maxUnsettled: 10_000,
    maxResultBytes: DEFAULT_MOST_BYTES,
    ...dropUndefined(rest),
    jobs: byType,
    queues: new Map(slots),
    retryPolicy: { ...DEFAULT_RETRY_POLICY, ...retryPolicy },
  };
  if (resolved.deadAfterMs < 2 * resolved.heartbeatIntervalMs) {
    throw new TypeError(
      'deadAfterMs must be at least twice heartbeatIntervalMs, or one late beat is a death',
    );
  }
  return resolved;
}

/** How many jobs it may run at once: in the slots of all its queues, and in those that queues share, if some do. */
export function countSlots({
  queues,
  concurrency,
}: Pick<ResolvedSettings, 'queues' | 'concurrency'>): number {
  const slots = [...queues.values()];
  const own = slots.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  return slots.includes(undefined) ? own + concurrency : own;
}

/** The whole policy of each job type. */
export const retryPolicies = ({ jobs, retryPolicy }: ResolvedSettings): ReadonlyMap<string, RetryPolicy> =>
  new Map([...jobs].map(([type, { retry }]) => [type, { ...retryPolicy, ...retry }]));

const isNameList = (queues: NonNullable<WorkerSettings['queues']>): queues is readonly string[] =>
  Array.isArray(queues);

function dropUndefined<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
