import { Counter, Gauge, type Registry } from 'prom-client';
import type { EventHub } from './events.js';
import { childrenOf } from './metric-children.js';
import { subscribe } from './subscribe.js';

/** What the safety net did. Returns what stops the counting. */
export function countCare(registry: Registry, events: EventHub): () => void {
  const plain = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const byQueue = (name: string, help: string) =>
    childrenOf(new Counter({ name, help, labelNames: ['queue'], registers: [registry] }));

  const swept = childrenOf(
    new Counter({
      name: 'jobs_swept_total',
      help: 'Ids put back that Redis had forgotten; rebuild: of a queue that it did not know at all',
      labelNames: ['queue', 'kind'],
      registers: [registry],
    }),
  );
  const polled = byQueue('jobs_polled_total', 'Jobs that a worker found in PostgreSQL itself');
  const assigned = byQueue('jobs_assigned_total', 'Jobs that their submit claimed for a worker that waited');
  const garbage = byQueue('lane_garbage_dropped_total', 'Entries of lanes that are no job ids');
  const undispatched = byQueue('dispatch_failures_total', 'Ids that could not be pushed to Redis');
  const rescued = plain('jobs_rescued_total', 'Jobs taken back from workers that died');
  const deaths = plain('worker_deaths_total', 'Workers declared dead');
  const promoted = plain('jobs_promoted_total', 'Jobs dispatched when they became due');
  const pruned = plain('jobs_pruned_total', 'Finished jobs deleted by retention');
  const lost = plain(
    'ownership_lost_total',
    'Attempts whose outcome was discarded: the worker owned them no longer',
  );
  const delays = plain('settle_delays_total', 'Times an outcome could not be recorded and waits');

  return subscribe(events, {
    swept: ({ queue, missing, rebuilt }) => swept(queue, rebuilt ? 'rebuild' : 'sweep').inc(missing),
    polled: ({ queue, count }) => polled(queue).inc(count),
    assigned: ({ queue, count }) => assigned(queue).inc(count),
    garbageDropped: ({ queue, count }) => garbage(queue).inc(count),
    dispatchFailed: ({ queue, count }) => undispatched(queue).inc(count),
    rescued: ({ jobIds }) => rescued.inc(jobIds.length),
    workerDied: () => deaths.inc(),
    promoted: ({ count }) => promoted.inc(count),
    pruned: ({ jobs }) => pruned.inc(jobs),
    ownershipLost: ({ jobIds }) => lost.inc(jobIds.length),
    settleDelayed: () => delays.inc(),
  });
}

/** Redis away, and who leads. Returns what stops the watching. */
export function showFallbacks(registry: Registry, events: EventHub): () => void {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const fallback = gauge('redis_fallback_gauge', '1 while this process claims from PostgreSQL alone');
  const leading = gauge('coordinator_leader_gauge', '1 while this process is the coordinator');
  const term = gauge('coordinator_term_gauge', 'The last term in which this process led');
  const fallbacks = new Counter({
    name: 'redis_fallbacks_total',
    help: 'Times Redis went away from a worker',
    registers: [registry],
  });

  return subscribe(events, {
    redisAway: () => {
      fallback.set(1);
      fallbacks.inc();
    },
    redisBack: () => fallback.set(0),
    leading: (leadership) => {
      leading.set(1);
      term.set(leadership.term);
    },
    leadershipLost: () => leading.set(0),
  });
}
