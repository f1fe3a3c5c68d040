import { ABSENT_REDIS } from './absent-redis.js';
import { BLOCKED_LOOP } from './blocked-loop.js';
import type { Bound } from './bound.js';
import { CANCEL_RACES } from './cancel-races.js';
import { EMPTIED_REDIS } from './emptied-redis.js';
import { ENDLESS_HANDLER } from './endless-handler.js';
import { GRACEFUL_STOP } from './graceful-stop.js';
import { IDLE_COST } from './idle-cost.js';
import { KILLED_WORKER } from './killed-worker.js';
import { REFILLED_REDIS } from './refilled-redis.js';
import { RESTARTED_POSTGRES } from './restarted-postgres.js';
import { RETENTION } from './retention.js';
import { TEN_COORDINATORS } from './ten-coordinators.js';

/** In the order of the table. */
export const BOUNDS: readonly Bound[] = [
  ...KILLED_WORKER,
  ...EMPTIED_REDIS,
  REFILLED_REDIS,
  ...ABSENT_REDIS,
  IDLE_COST,
  RESTARTED_POSTGRES,
  BLOCKED_LOOP,
  ENDLESS_HANDLER,
  ...GRACEFUL_STOP,
  CANCEL_RACES,
  TEN_COORDINATORS,
  RETENTION,
];
