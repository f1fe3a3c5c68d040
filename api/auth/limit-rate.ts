import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import './caller.js';
import { RequestCounter } from './request-counter.js';
import './roles.js';

/** So many requests of each key, or of each address where no key is asked for, in each window. */
export interface RateLimit {
  readonly max: number;
  readonly windowMs: number;
}

/** After the caller is known. What is public is not counted: a probe that is refused ends a process. */
export async function limitRate(
  app: FastifyInstance,
  installation: Installation,
  { max, windowMs }: RateLimit,
): Promise<void> {
  const counter = new RequestCounter(installation);
  await app.register(rateLimit, {
    max,
    timeWindow: windowMs,
    keyGenerator: nameCaller,
    allowList: ({ routeOptions }) => routeOptions.config.role === 'public',
    errorResponseBuilder: (_request, { ttl }) => {
      const seconds = Math.ceil(ttl / 1_000);
      return new HoldfastError(
        'rate_limited',
        `more than ${max} requests in ${windowMs / 1_000} s (API_RATE_LIMIT): try again in ${seconds} s`,
      );
    },
    store: class implements FastifyRateLimitStore {
      incr(caller: string, answer: Parameters<FastifyRateLimitStore['incr']>[1], timeWindow: number): void {
        void counter
          .count(caller, timeWindow)
          .then(({ count, leftMs }) => answer(null, { current: count, ttl: leftMs }));
      }
      child(): this {
        return this;
      }
    },
  });
}

/** An IPv6 caller may have as many addresses as they like of their /64, and is counted by that. */
const nameCaller = ({ caller, ip }: FastifyRequest): string =>
  caller ? `key:${caller.id}` : `address:${rateLimit.normalizeIP(ip)}`;
