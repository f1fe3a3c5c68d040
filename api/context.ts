import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import './auth/roles.js';
import type { Installation } from '../shared/installation.js';
import type { JobMeasurer } from '../shared/jobs/measure-jobs.js';
import type { ReadCoalescer } from '../shared/jobs/read-coalescer.js';
import type { SubmitCoalescer } from '../shared/jobs/submit-coalescer.js';
import type { Logger } from '../shared/observe/logger.js';
import type { Metrics } from '../shared/observe/metrics.js';
import type { JobFollower } from './job-follower.js';

/** What the routes work with. */
export interface ApiContext {
  readonly installation: Installation;
  readonly coalescer: SubmitCoalescer;
  readonly reader: ReadCoalescer;
  readonly measurer: JobMeasurer;
  readonly follower: JobFollower;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly batchBodyLimit: number;
}

/** A server whose routes take their types from zod schemas. */
export type ZodServer = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;
