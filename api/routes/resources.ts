import type { ApiContext, ZodServer } from '../context.js';
import { addDeadLetterReviewRoutes } from './dead-letter-review.js';
import { addDeadLetterRoutes } from './dead-letters.js';
import { addDependencyRoutes } from './dependencies.js';
import { addJobEventRoutes } from './job-events.js';
import { addJobRoutes } from './jobs.js';
import { addKeyRoutes } from './keys.js';
import { addManyJobsRoutes } from './many-jobs.js';
import { addQueueRoutes } from './queues.js';
import { addScheduleRoutes } from './schedules.js';
import { addSubmitRoutes } from './submit.js';
import { addWorkerRoutes } from './workers.js';

/** What can be asked for under `/api`; each adds its routes, each route names the role it asks for. */
export const RESOURCES: readonly ((app: ZodServer, context: ApiContext) => void)[] = [
  addSubmitRoutes,
  addJobRoutes,
  addManyJobsRoutes,
  addDependencyRoutes,
  addJobEventRoutes,
  addDeadLetterRoutes,
  addDeadLetterReviewRoutes,
  addScheduleRoutes,
  addQueueRoutes,
  addWorkerRoutes,
  addKeyRoutes,
];
