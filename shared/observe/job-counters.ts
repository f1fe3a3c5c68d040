import { Counter, Histogram, type Registry } from 'prom-client';
import type { EventHub } from './events.js';
import { childrenOf, tally } from './metric-children.js';
import { subscribe } from './subscribe.js';

/** Jobs take from milliseconds to hours, and wait as long. */
const JOB_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400,
];

/**
 * A series that is born at 60 has an increase of 0: of what a worker may count, the series that alerts and dashboards rest on are
 * there, at 0, before its first job. Rarer ones are born when something happens.
 */
const KNOWN_STATUSES = ['completed', 'retried', 'dead_letter'];
const KNOWN_ERROR_TYPES = ['unknown', 'transient', 'timeout', 'permanent'];
/** Of job types, and of queues: half of the children that a metric may have are left for what does happen. */
const MOST_KNOWN = 250;

/** Begins a queue's waits at 0, once: to do so again would take back what was counted since. */
function createWaitStarter(waits: Histogram<'queue'>): (queues: readonly string[]) => void {
  const known = new Set<string>();
  return (queues) => {
    for (const queue of queues) if (!known.has(queue)) waits.zero({ queue });
    for (const queue of queues) known.add(queue);
  };
}

/** The jobs themselves: submitted, claimed, settled. Returns what stops the counting. */
export function countJobs(registry: Registry, events: EventHub): () => void {
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const histogram = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Histogram({ name, help, labelNames, buckets: JOB_SECONDS, registers: [registry] });

  const submitted = childrenOf(
    counter('jobs_submitted_total', 'Jobs submitted by this process', ['job_type', 'queue']),
  );
  const processed = childrenOf(
    counter(
      'jobs_processed_total',
      'Attempts settled, by outcome; cancelled: jobs, also before any attempt',
      ['job_type', 'status'],
    ),
  );
  const failed = childrenOf(
    counter('jobs_failed_total', 'Attempts that failed: retried ones and dead letters', [
      'job_type',
      'error_type',
    ]),
  );
  const duration = childrenOf(
    histogram('job_duration_seconds', 'How long handlers ran, of attempts that completed or failed', [
      'job_type',
    ]),
  );
  const waitSeconds = histogram('job_wait_seconds', 'From ready to claimed', ['queue']);
  const waits = childrenOf(waitSeconds);
  const missed = new Counter({
    name: 'jobs_claim_missed_total',
    help: 'Ids taken from Redis that could not be claimed: duplicates, cancelled, not due',
    registers: [registry],
  });

  const startWaits = createWaitStarter(waitSeconds);

  return subscribe(events, {
    workerRegistered: ({ queues, jobTypes }) => {
      for (const jobType of jobTypes.slice(0, MOST_KNOWN)) {
        for (const status of KNOWN_STATUSES) processed(jobType, status).inc(0);
        for (const errorType of KNOWN_ERROR_TYPES) failed(jobType, errorType).inc(0);
      }
      startWaits(queues.slice(0, MOST_KNOWN));
    },
    submitted: (jobs) => tally(jobs, (job) => submitted(job.jobType, job.queue)),
    claimed: (jobs) => {
      for (const job of jobs) waits(job.queue).observe(Math.max(job.waitMs, 0) / 1_000);
    },
    claimMissed: ({ count }) => missed.inc(count),
    // Each of them, since nobody else counts them: whoever calls off a backlog wants to see it go.
    cancelled: ({ jobType }) => processed(jobType, 'cancelled').inc(),
    settled: (outcomes) => {
      tally(outcomes, (outcome) => processed(outcome.jobType, outcome.kind));
      const failures = outcomes.filter(({ kind }) => kind === 'retried' || kind === 'dead_letter');
      tally(failures, (outcome) => failed(outcome.jobType, outcome.errorClass ?? 'unknown'));
      for (const { jobType, kind, durationMs } of outcomes) {
        if (kind === 'snoozed' || kind === 'released') continue;
        duration(jobType).observe(durationMs / 1_000);
      }
    },
  });
}
