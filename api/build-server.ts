import underPressure from '@fastify/under-pressure';
import Fastify, { type FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import helmet from 'helmet';
import type { Installation } from '../shared/installation.js';
import { createJobMeasurer } from '../shared/jobs/measure-jobs.js';
import { readHealth } from '../shared/jobs/read-health.js';
import { ReadCoalescer } from '../shared/jobs/read-coalescer.js';
import { SubmitCoalescer } from '../shared/jobs/submit-coalescer.js';
import type { Logger } from '../shared/observe/logger.js';
import type { Metrics } from '../shared/observe/metrics.js';
import { answerErrors, sendError } from './answer-errors.js';
import { authenticate } from './auth/authenticate.js';
import type { AuthMode } from './auth/key-requirement.js';
import { limitRate, type RateLimit } from './auth/limit-rate.js';
import type { ApiContext, ZodServer } from './context.js';
import { createJobFollower } from './job-follower.js';
import { acceptJson } from './json-body.js';
import { chooseRequestId, observeRequests } from './observe-requests.js';
import { describeApi } from './openapi.js';
import { toDepthReading } from '../shared/jobs/depth-reading.js';
import { addHealthRoutes } from './routes/health.js';
import { addMetricsRoutes } from './routes/metrics.js';
import { RESOURCES } from './routes/resources.js';
import { refuseConnection, refuseExpectation } from './refuse-connection.js';
import { refuseEncoded } from './refuse-encoded.js';
import { refuseHostless } from './refuse-hostless.js';
import { refuseUnderPressure } from './refuse-under-pressure.js';
import { refuseUnknown } from './refuse-unknown.js';
import { nameRoutes } from './route-table.js';
import { serveDocs } from './swagger-ui.js';
import { validateWithZod } from './validation.js';

export interface ServerOptions {
  readonly installation: Installation;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** The largest body of a request, in bytes. Default 1 MiB. */
  readonly bodyLimit?: number | undefined;
  /** The same for a batch of jobs. Default 16 times `bodyLimit`. */
  readonly batchBodyLimit?: number | undefined;
  /** Whether callers must show an API key. Default `auto`: as soon as there is one. `off`: nobody is asked. */
  readonly auth?: AuthMode | undefined;
  /** Requests of each key. Default null: as many as they like. */
  readonly rateLimit?: RateLimit | null | undefined;
}

const ONE_MIB = 1_048_576;
/** A body that arrives more slowly than this holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Above this mean delay of the event loop, a refusal now is better than an answer nobody waits for. */
const LONGEST_LOOP_DELAY_MS = 2_000;

/**
 * Builds the HTTP API of an installation; `listen` and `close` are the caller's. The installation stays open when the
 * server closes.
 */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { installation, metrics, logger, bodyLimit = ONE_MIB, batchBodyLimit = 16 * bodyLimit } = options;
  const { auth = 'auto', rateLimit = null } = options;
  const app = Fastify({
    bodyLimit,
    logger: false,
    genReqId: chooseRequestId,
    requestIdHeader: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Requests that came before the end are answered.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1_000 },
    clientErrorHandler: refuseConnection,
    // It is asked for in refuseHostless, which says so.
    http: { requireHostHeader: false },
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply, logger),
  });
  app.server.on('checkExpectation', refuseExpectation);
  const measurer = createJobMeasurer(installation.db);
  metrics.readDepthsFrom(async () => {
    // Measures may come from memory; whether PostgreSQL is there must not.
    const [measures] = await Promise.all([measurer.read(), readHealth(installation.db)]);
    return toDepthReading(measures);
  });
  const follower = createJobFollower(installation);
  app.addHook('preClose', () => follower.close());
  const coalescer = new SubmitCoalescer(installation);
  const reader = new ReadCoalescer(installation.db);

  nameRoutes(app);
  acceptJson(app);
  answerErrors(app, logger);
  observeRequests(app, metrics, logger);
  setSecurityHeaders(app);
  refuseHostless(app);
  authenticate(app, installation, auth);
  if (rateLimit) await limitRate(app, installation, rateLimit);
  refuseEncoded(app);
  await describeApi(app);
  serveDocs(app);
  const context = { installation, coalescer, reader, measurer, follower, metrics, logger, batchBodyLimit };
  await app.register(async (scope) => addRoutes(scope, context));
  return app;
}

/** Put together once: Fastify's plugin for it makes helmet, and reads the policy, anew for every request. */
function setSecurityHeaders(app: FastifyInstance): void {
  const setHeaders = helmet({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, hsts: false });
  app.addHook('onRequest', (request, reply, done) =>
    setHeaders(request.raw, reply.raw, (error) => done(error as Error | undefined)),
  );
}

/** In a scope of their own: plugins bring routes whose schemas are not zod's. */
async function addRoutes(scope: FastifyInstance, context: ApiContext): Promise<void> {
  scope.setValidatorCompiler(validateWithZod);
  // The schemas of answers are for the document; the rows they describe are made here, and trusted.
  scope.setSerializerCompiler(() => JSON.stringify);
  const server: ZodServer = scope.withTypeProvider<ZodTypeProvider>();
  addHealthRoutes(server, context);
  addMetricsRoutes(server, context);
  await server.register(async (api) => {
    // Under pressure jobs wait; probes and metrics, which are not here, tell of it.
    await api.register(underPressure, {
      maxEventLoopDelay: LONGEST_LOOP_DELAY_MS,
      pressureHandler: refuseUnderPressure(),
    });
    refuseUnknown(api);
    for (const addRoutesOf of RESOURCES) addRoutesOf(api, context);
  });
}

/** Swagger UI needs styles and images of its own making; TLS, where there is any, ends in front of us. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    styleSrc: ["'self'", "'unsafe-inline'"],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
};
