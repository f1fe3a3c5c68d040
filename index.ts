/** Holdfast's public face: define jobs, submit them, work on them. */
export {
  createClient,
  JobFailedError,
  type Client,
  type ClientOptions,
  type SubmitOptions,
} from './shared/client/create-client.js';
export { ERROR_CODES, HoldfastError, type ErrorCode, type FieldProblem } from './shared/errors.js';
export { openInstallation, type Installation, type InstallationOptions } from './shared/installation.js';
export {
  defineJob,
  type AnyJobDefinition,
  type JobContext,
  type JobDefinition,
  type JobLog,
} from './shared/jobs/define-job.js';
export {
  PermanentError,
  RetryAfterError,
  SnoozeError,
  TransientError,
  type ErrorClass,
} from './shared/jobs/job-errors.js';
export type {
  Dependency,
  DependencyPolicy,
  NewJob,
  SubmittedJob,
  UniquePolicy,
} from './shared/jobs/new-job.js';
export type { ParentJob } from './shared/jobs/read-parents.js';
export type { JobDetail, JobRow } from './shared/jobs/read-job.js';
export type { RetryPolicy } from './shared/jobs/retry-policy.js';
export { createEventHub, type EventHub, type HoldfastEvents } from './shared/observe/events.js';
export { createMetrics, type Metrics } from './shared/observe/metrics.js';
export { createLogger, type Logger } from './shared/observe/logger.js';
export { migrate } from './shared/postgres/migrate.js';
export type { QueryTarget } from './shared/postgres/query-target.js';
export {
  defineSchedule,
  type DefinedSchedule,
  type ScheduleDefinition,
} from './shared/schedules/define-schedule.js';
export type { MisfirePolicy, OverlapPolicy } from './shared/schedules/decide-fires.js';
export { createWorker, type Worker, type WorkerOptions } from './workers/create-worker.js';
export { Coordinator, type CoordinatorOptions } from './workers/coordinator/coordinator.js';
export { builtInJobs, type BuiltInJobSettings } from './workers/handlers/index.js';
