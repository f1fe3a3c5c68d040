import { Counter, Gauge, type Registry } from 'prom-client';
import type { EventHub } from './events.js';
import { childrenOf, tally } from './metric-children.js';
import { subscribe } from './subscribe.js';

/** What became of schedules' fire times, and how late they are. Returns what stops the counting. */
export function countSchedules(registry: Registry, events: EventHub): () => void {
  const fires = childrenOf(
    new Counter({
      name: 'schedule_fires_total',
      help: 'Fire times of schedules: fired, skipped_overlap (the last job was unfinished), misfired (missed in an outage)',
      labelNames: ['schedule', 'outcome'],
      registers: [registry],
    }),
  );
  const failures = new Counter({
    name: 'schedule_failures_total',
    help: 'Schedules that cannot fire: their rule means nothing, or their job was refused; see last_error',
    registers: [registry],
  });
  const lag = new Gauge({
    name: 'schedule_lag_seconds',
    help: 'How late the most overdue schedule is; known to the coordinator, 0 elsewhere',
    registers: [registry],
  });

  return subscribe(events, {
    scheduleFired: (claimed) => tally(claimed, ({ schedule, outcome }) => fires(schedule, outcome)),
    scheduleMisfired: ({ schedule, missed }) => fires(schedule, 'misfired').inc(missed),
    scheduleFailed: () => failures.inc(),
    schedulesWatched: ({ lagMs }) => lag.set(lagMs / 1_000),
    leadershipLost: () => lag.set(0),
  });
}
