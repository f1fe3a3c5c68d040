/** What the processes are: API, worker, coordinator, their logs and metrics; and what holds for all jobs. */
import {
  address,
  bytes,
  factor,
  flag,
  listOf,
  milliseconds,
  oneOf,
  port,
  readWholeNumber,
  text,
  wholeNumber,
} from '../value-kinds.js';
import { readRateLimit } from '../rate-limit.js';
import { readQueueList } from '../queue-list.js';
import { BadValue, variable } from '../variable.js';
import { MAX_RETRIES, RETRY_DELAY_MS, RETRY_MULTIPLIER, TIMEOUT_MS } from '../../shared/jobs/job-limits.js';
import { MOST_JSON_BYTES } from '../../shared/jobs/storable-json.js';
import {
  DEAD_AFTER_MS,
  HEARTBEAT_INTERVAL_MS,
  MAX_RESULT_BYTES,
  MAX_UNSETTLED,
  POLL_INTERVAL_MS,
  SHUTDOWN_TIMEOUT_MS,
  SLOTS,
} from '../../shared/workers/worker-limits.js';

export const apiVariables = {
  API_HOST: text({ about: 'The address the API listens on; 0.0.0.0 for all', default: '127.0.0.1' }),
  API_PORT: port({ about: 'The port of the API; 0: a free one', default: '3000' }),
  API_BODY_LIMIT: bytes({
    about: 'The largest request the API takes',
    default: '1048576',
    from: 1_024,
    to: 1_073_741_824,
  }),
  API_AUTH: oneOf(['auto', 'required', 'off'], {
    about:
      'Whether callers must show an API key. auto: once there is one, and always beyond loopback; required: always; off: never, ' +
      'also beyond loopback',
    default: 'auto',
  }),
  API_RATE_LIMIT: variable(
    {
      about:
        'Requests that each API key (without keys, each address) may make: `100/s`, `6000/min`, or `off`. Counted in Redis for ' +
        'all processes together; while that is away, by each process for itself',
      default: 'off',
    },
    readRateLimit,
  ),
};

export const clientVariables = {
  HOLDFAST_API_URL: address(/^https?:\/\//i, 'https://jobs.example.com', {
    about:
      'The API that commands such as `holdfast jobs list` ask. Unset: the database where one is named, else the API of this machine',
    example: 'https://jobs.example.com',
  }),
  HOLDFAST_API_KEY: text({ about: 'The key they show it', example: 'hf_...', isSecret: true }),
};

export const workerVariables = {
  WORKER_QUEUES: variable(
    {
      about: 'The queues it works on: `a,b`, or with slots of their own `a:10,b:2`, or mixed',
      default: 'default',
    },
    readQueueList,
  ),
  WORKER_CONCURRENCY: wholeNumber({
    about: 'Jobs running at once, over all queues without slots of their own',
    default: '5',
    ...SLOTS,
  }),
  WORKER_HANDLERS: listOf((path) => path, {
    about:
      'Modules with your jobs, separated by commas; each has one job, or an array of jobs, as its default export, and may export `schedules`',
    example: './dist/jobs.js',
  }),
  WORKER_POLL_INTERVAL: milliseconds({
    about: 'How long an idle worker waits before it looks in PostgreSQL itself',
    default: '1000',
    ...POLL_INTERVAL_MS,
    from: 10,
  }),
  WORKER_HEARTBEAT_INTERVAL: milliseconds({
    about: 'How often a worker says that it lives',
    default: '2000',
    ...HEARTBEAT_INTERVAL_MS,
    from: 100,
  }),
  WORKER_DEAD_AFTER: milliseconds({
    about: 'Without a heartbeat for this long it is dead, and its jobs run elsewhere',
    default: '10000',
    ...DEAD_AFTER_MS,
    from: 200,
  }),
  WORKER_SHUTDOWN_TIMEOUT: milliseconds({
    about: 'What running jobs get to finish when the worker stops, before they are aborted',
    default: '30000',
    ...SHUTDOWN_TIMEOUT_MS,
  }),
  WORKER_MAX_UNSETTLED: wholeNumber({
    about: 'Outcomes that may wait for PostgreSQL, while it is away, before the worker takes no more jobs',
    default: '10000',
    ...MAX_UNSETTLED,
  }),
};

export const coordinatorVariables = {
  COORDINATOR_ENABLED: flag({
    about: 'Whether API and worker processes stand for coordinator too',
    default: 'true',
  }),
  JOB_RETENTION: milliseconds({
    about: 'Finished jobs older than this are deleted; 0 keeps them for ever',
    default: '604800000',
    to: 3_155_760_000_000,
  }),
};

export const jobVariables = {
  JOB_DEFAULT_TIMEOUT: milliseconds({
    about:
      'How long an attempt may take, where the job does not say. Read by whoever submits, as the next one; plain SQL has 300000 and 3',
    default: '300000',
    ...TIMEOUT_MS,
  }),
  JOB_MAX_RETRIES: wholeNumber({
    about: 'Retries after the first attempt, where the job does not say',
    default: '3',
    ...MAX_RETRIES,
  }),
  JOB_RETRY_DELAY_BASE: milliseconds({
    about: 'The longest wait before the first retry; each wait is random up to its limit',
    default: '1000',
    ...RETRY_DELAY_MS,
  }),
  JOB_RETRY_BACKOFF_MULTIPLIER: factor({
    about: 'By how much that limit grows with each retry',
    default: '2',
    ...RETRY_MULTIPLIER,
  }),
  JOB_RETRY_DELAY_MAX: milliseconds({
    about:
      'How far that limit grows. Errors of unknown kind wait up to twice as long, a RetryAfterError as long as it says',
    default: '3600000',
    ...RETRY_DELAY_MS,
  }),
  JOB_DLQ_ENABLED: flag({
    about: 'Whether a job out of retries becomes a dead letter; false: it is only failed',
    default: 'true',
  }),
  JOB_MAX_PAYLOAD_BYTES: bytes({
    about:
      'The largest payload, and the largest metadata, that a submit may have, as JSON; over HTTP API_BODY_LIMIT must have room for it',
    default: '1048576',
    from: 1_024,
    to: MOST_JSON_BYTES,
  }),
  JOB_MAX_RESULT_BYTES: bytes({
    about: 'The largest result a handler may return, as JSON; beyond it the job fails for good',
    default: '1048576',
    ...MAX_RESULT_BYTES,
    from: 1_024,
  }),
};

export const observeVariables = {
  METRICS_HOST: text({
    about: 'The address on which a worker or coordinator serves /metrics and /health',
    default: '127.0.0.1',
  }),
  METRICS_PORT: variable(
    { about: 'Its port; 0: a free one; `off`: none', default: '9090' },
    (value): number | null => {
      if (value.toLowerCase() === 'off') return null;
      try {
        return readWholeNumber(value, { from: 0, to: 65_535 });
      } catch {
        throw new BadValue('must be a port from 0 to 65535, or off');
      }
    },
  ),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug'], {
    about: 'What is logged: error, warn, info or debug; debug shows stacks of errors too',
    default: 'info',
  }),
  LOG_FORMAT: oneOf(['auto', 'text', 'json'], {
    about: 'text for people, json for machines; auto: text on a terminal',
    default: 'auto',
  }),
};
