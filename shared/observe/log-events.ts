import { ConnectionLost, messageOf } from '../errors.js';
import { groupBy } from '../group-by.js';
import type { EventHub, HoldfastEvents } from './events.js';
import type { Logger } from './logger.js';
import { subscribe } from './subscribe.js';

type Outcomes = HoldfastEvents['settled'][0];

/** Of what may happen thousands of times a second while something is away, one line in this time. */
const QUIET_MS = 10_000;
/** Of why Redis is away: when they alternate, no line of them all the time. */
const MOST_REASONS = 5;
/** Enough to find the rest in the tables. */
const IDS_SHOWN = 5;

/** One line for each thing an operator wants to know of; nothing for a job that simply completes. Returns what ends it. */
export function logEvents(events: EventHub, logger: Logger, now = () => performance.now()): () => void {
  const stops = [
    logOutcomes(events, logger),
    logWorkers(events, logger),
    logReviews(events, logger),
    logCare(events, logger),
    logSchedules(events, logger, now),
    logRedis(events, logger),
    logDisturbances(events, logger, now),
  ];
  return () => stops.forEach((stop) => stop());
}

/** A line for each batch, job type and kind of error: a storm of failures must not become a storm of lines. */
function logOutcomes(events: EventHub, logger: Logger): () => void {
  return subscribe(events, {
    settled: (outcomes) => {
      const failures = outcomes.filter(({ kind }) => kind === 'retried' || kind === 'dead_letter');
      if (failures.length === 0) return;
      const alike = groupBy(failures, (one) => `${one.kind} ${one.jobType} ${one.errorClass ?? ''}`);
      for (const group of alike.values()) logFailures(logger, group);
    },
  });
}

function logFailures(logger: Logger, failures: Outcomes): void {
  const [first] = failures;
  if (!first) return;
  const fields = {
    jobType: first.jobType,
    queue: first.queue,
    errorClass: first.errorClass,
    error: first.errorMessage,
    count: failures.length,
    jobIds: shown(failures.map(({ id }) => id)),
  };
  if (first.kind === 'retried') logger.info('an attempt failed; the job will be tried again', fields);
  else logger.warn('a job failed for good', fields);
}

function logWorkers(events: EventHub, logger: Logger): () => void {
  return subscribe(events, {
    workerDied: ({ workerId }) =>
      logger.warn('a worker was declared dead: it sent no heartbeat', { workerId }),
    rescued: ({ workerId, jobIds }) =>
      logger.warn('jobs of a dead worker are ready again', {
        workerId,
        count: jobIds.length,
        jobIds: shown(jobIds),
      }),
    ownershipLost: ({ workerId, jobIds }) =>
      logger.warn('outcomes were discarded: the jobs had been taken from this worker, or cancelled', {
        workerId,
        count: jobIds.length,
        jobIds: shown(jobIds),
      }),
  });
}

/** What persons did to dead letters, and who. */
function logReviews(events: EventHub, logger: Logger): () => void {
  const tell =
    (message: string) =>
    ({ ids, by }: HoldfastEvents['deadLetterReplayed'][0]) =>
      logger.info(message, { by, count: ids.length, deadLetterIds: shown(ids) });
  return subscribe(events, {
    deadLetterReplayed: tell('dead letters were replayed'),
    deadLetterDiscarded: tell('dead letters were discarded'),
  });
}

function logCare(events: EventHub, logger: Logger): () => void {
  return subscribe(events, {
    leading: ({ term }) => logger.info('this process is the coordinator now', { term }),
    leadershipLost: ({ reason }) => logger.info('this process is the coordinator no longer', { reason }),
    swept: ({ queue, missing, rebuilt }) =>
      logger.info(
        rebuilt
          ? 'Redis did not know the queue: it was filled from PostgreSQL'
          : 'ids that Redis had lost were put back',
        { queue, count: missing },
      ),
    queuePaused: ({ queue, by, reason }) =>
      logger.info('a queue was paused; its running jobs finish', { queue, by, reason }),
    queueResumed: ({ queue, by }) => logger.info('a paused queue goes on', { queue, by }),
    keyCreated: (key) => logger.info('an API key was created', key),
    keyRevoked: (key) => logger.info('an API key was revoked', key),
    pruned: ({ jobs }) => logger.debug('finished jobs were deleted by retention', { count: jobs }),
    garbageDropped: ({ queue, count }) =>
      logger.warn('entries in Redis that are no job ids were dropped', { queue, count }),
  });
}

/** After an outage thousands may have missed their times: a line now and then says how many, and the table which. */
function logSchedules(events: EventHub, logger: Logger, now: () => number): () => void {
  const misfires = throttle(now);
  return subscribe(events, {
    scheduleMisfired: ({ schedule, missed, from, until }) =>
      misfires(missed, (total) =>
        logger.warn('fire times of schedules were missed while no coordinator ran; see job_schedule_fires', {
          count: total,
          schedule,
          from,
          until,
        }),
      ),
    scheduleFailed: ({ schedule, error }) =>
      logger.warn('a schedule cannot fire; correct it', { schedule, error }),
  });
}

/**
 * One line when Redis goes away and one when it is back, in every role, whoever notices it first. Meanwhile one for each further
 * reason: a server that was away may come back with another password.
 */
function logRedis(events: EventHub, logger: Logger): () => void {
  let reasons: Set<string> | undefined;
  const tellAway = ({ error }: { error: unknown }) => {
    // Why comes with `redisLost`, as soon as it is known; or it is back in a moment.
    if (error instanceof ConnectionLost) return;
    const reason = messageOf(error);
    if (reasons && (reasons.has(reason) || reasons.size >= MOST_REASONS)) return;
    const what = reasons
      ? 'Redis is still away, for another reason'
      : 'Redis is away (check REDIS_URL): jobs wait in PostgreSQL, and workers claim them from there';
    logger.warn(what, { error: reason });
    reasons = (reasons ?? new Set()).add(reason);
  };
  const tellBack = () => {
    if (reasons) logger.info('Redis is back');
    reasons = undefined;
  };
  return subscribe(events, {
    redisLost: tellAway,
    redisAway: tellAway,
    redisFound: tellBack,
    redisBack: tellBack,
  });
}

/** What repeats while Redis or PostgreSQL is away: now and then how much it has become. */
function logDisturbances(events: EventHub, logger: Logger, now: () => number): () => void {
  const undispatched = throttle(now);
  const delayed = throttle(now);
  return subscribe(events, {
    dispatchFailed: ({ queue, count, error }) =>
      undispatched(count, (total) =>
        logger.warn('jobs could not be pushed to Redis; polls and the sweep will find them', {
          queue,
          count: total,
          error: messageOf(error),
        }),
      ),
    settleDelayed: ({ waiting, error }) =>
      delayed(1, () =>
        logger.warn('outcomes cannot be recorded now; they wait and are tried again', {
          waiting,
          error: messageOf(error),
        }),
      ),
  });
}

/** Lets the first one through, then one in QUIET_MS with what has come together since. */
function throttle(now: () => number) {
  let quietUntil = -Infinity;
  let held = 0;
  return (count: number, report: (total: number) => void): void => {
    held += count;
    if (now() < quietUntil) return;
    quietUntil = now() + QUIET_MS;
    report(held);
    held = 0;
  };
}

const shown = (ids: readonly number[]): readonly number[] => ids.slice(0, IDS_SHOWN);
