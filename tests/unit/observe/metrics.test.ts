import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { DepthReading } from '../../../shared/observe/depth-gauges.js';
import { createEventHub, type EventHub } from '../../../shared/observe/events.js';
import { childrenOf } from '../../../shared/observe/metric-children.js';
import { createMetrics, type Metrics } from '../../../shared/observe/metrics.js';

let events: EventHub;
let metrics: Metrics;
beforeEach(() => {
  events = createEventHub();
  metrics = createMetrics({ events });
});
afterEach(() => metrics.close());

async function valueOf(series: string): Promise<number | undefined> {
  const lines = (await metrics.text()).split('\n');
  const line = lines.find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const outcome = { id: 1, attempt: 1, jobType: 'a', queue: 'q', durationMs: 20 };

describe('what happens is counted:', () => {
  test('a batch of submits, by type and queue', async () => {
    const batch = Array.from({ length: 500 }, (_, n) => ({ jobType: n % 5 === 0 ? 'b' : 'a', queue: 'q' }));
    events.emit('submitted', batch);
    events.emit('submitted', batch);
    expect(await valueOf('jobs_submitted_total{job_type="a",queue="q"}')).toBe(800);
    expect(await valueOf('jobs_submitted_total{job_type="b",queue="q"}')).toBe(200);
  });

  test('outcomes by kind, failures by class, durations of those that ran', async () => {
    events.emit('settled', [
      { ...outcome, kind: 'completed' },
      { ...outcome, kind: 'retried', errorClass: 'timeout' },
      { ...outcome, kind: 'dead_letter', errorClass: 'permanent' },
      { ...outcome, kind: 'snoozed' },
      { ...outcome, kind: 'released' },
    ]);
    for (const kind of ['completed', 'retried', 'dead_letter', 'snoozed', 'released']) {
      expect(await valueOf(`jobs_processed_total{job_type="a",status="${kind}"}`)).toBe(1);
    }
    expect(await valueOf('jobs_failed_total{job_type="a",error_type="timeout"}')).toBe(1);
    expect(await valueOf('jobs_failed_total{job_type="a",error_type="permanent"}')).toBe(1);
    expect(await valueOf('job_duration_seconds_count{job_type="a"}')).toBe(3);
    expect(await valueOf('job_duration_seconds_sum{job_type="a"}')).toBeCloseTo(0.06);
    expect(await valueOf('job_duration_seconds_bucket{le="0.01",job_type="a"}')).toBe(0);
    expect(await valueOf('job_duration_seconds_bucket{le="0.025",job_type="a"}')).toBe(3);
  });

  test('cancelled jobs, of which there need not have been an attempt, as the metric says', async () => {
    events.emit('cancelled', { id: 1, jobType: 'a', queue: 'q' });
    expect(await valueOf('jobs_processed_total{job_type="a",status="cancelled"}')).toBe(1);
    expect(await metrics.text()).toMatch(
      /^# HELP jobs_processed_total .*; cancelled: jobs, also before any attempt$/m,
    );
  });

  test('from 0 on what a worker may count, and never back to it when the worker starts over', async () => {
    const registered = { workerId: 'w', queues: ['q'], jobTypes: ['a'] };
    events.emit('workerRegistered', registered);
    for (const status of ['completed', 'retried', 'dead_letter'])
      expect(await valueOf(`jobs_processed_total{job_type="a",status="${status}"}`)).toBe(0);
    for (const errorType of ['unknown', 'transient', 'timeout', 'permanent'])
      expect(await valueOf(`jobs_failed_total{job_type="a",error_type="${errorType}"}`)).toBe(0);
    expect(await valueOf('job_wait_seconds_count{queue="q"}')).toBe(0);

    events.emit('claimed', [{ id: 1, attempt: 1, jobType: 'a', queue: 'q', waitMs: 5 }]);
    events.emit('settled', [{ ...outcome, kind: 'retried', errorClass: 'timeout' }]);
    events.emit('workerRegistered', registered);
    expect(await valueOf('jobs_processed_total{job_type="a",status="retried"}')).toBe(1);
    expect(await valueOf('jobs_failed_total{job_type="a",error_type="timeout"}')).toBe(1);
    expect(await valueOf('job_wait_seconds_count{queue="q"}')).toBe(1);
  });

  test('a worker of a thousand types leaves room for what does happen', async () => {
    const jobTypes = Array.from({ length: 1_000 }, (_, n) => `type-${n}`);
    events.emit('workerRegistered', { workerId: 'w', queues: [], jobTypes });
    events.emit('settled', [{ ...outcome, jobType: 'type-999', kind: 'retried', errorClass: 'timeout' }]);
    expect(await valueOf('jobs_failed_total{job_type="type-999",error_type="timeout"}')).toBe(1);
    expect(await valueOf('jobs_failed_total{job_type="type-999",error_type="unknown"}')).toBeUndefined();
  });

  test('waits, never below zero', async () => {
    events.emit('claimed', [{ id: 1, attempt: 1, jobType: 'a', queue: 'q', waitMs: -5 }]);
    expect(await valueOf('job_wait_seconds_sum{queue="q"}')).toBe(0);
    expect(await valueOf('job_wait_seconds_count{queue="q"}')).toBe(1);
  });

  test('the safety net', async () => {
    events.emit('swept', { queue: 'q', missing: 3, rebuilt: false });
    events.emit('swept', { queue: 'q', missing: 9, rebuilt: true });
    events.emit('rescued', { workerId: 'w', jobIds: [1, 2] });
    events.emit('workerDied', { workerId: 'w' });
    events.emit('promoted', { count: 4 });
    events.emit('pruned', { jobs: 5 });
    events.emit('polled', { queue: 'q', count: 6 });
    events.emit('assigned', { queue: 'q', count: 12 });
    events.emit('garbageDropped', { queue: 'q', count: 7 });
    events.emit('dispatchFailed', { queue: 'q', count: 8, error: new Error('away') });
    events.emit('ownershipLost', { workerId: 'w', jobIds: [1, 2, 3] });
    events.emit('settleDelayed', { waiting: 10, error: new Error('away') });
    events.emit('claimMissed', { count: 11 });
    const values = {
      'jobs_swept_total{queue="q",kind="sweep"}': 3,
      'jobs_swept_total{queue="q",kind="rebuild"}': 9,
      jobs_rescued_total: 2,
      worker_deaths_total: 1,
      jobs_promoted_total: 4,
      jobs_pruned_total: 5,
      'jobs_polled_total{queue="q"}': 6,
      'jobs_assigned_total{queue="q"}': 12,
      'lane_garbage_dropped_total{queue="q"}': 7,
      'dispatch_failures_total{queue="q"}': 8,
      ownership_lost_total: 3,
      settle_delays_total: 1,
      jobs_claim_missed_total: 11,
    };
    for (const [series, value] of Object.entries(values)) {
      expect([series, await valueOf(series)]).toEqual([series, value]);
    }
  });

  test('fire times of schedules, by what became of them, and how late they are', async () => {
    const fireAt = new Date();
    events.emit('scheduleFired', [
      { schedule: 's', jobId: 1, fireAt, outcome: 'fired' },
      { schedule: 's', jobId: 2, fireAt, outcome: 'fired' },
      { schedule: 's', jobId: null, fireAt, outcome: 'skipped_overlap' },
    ]);
    events.emit('scheduleMisfired', { schedule: 's', missed: 60, from: fireAt, until: fireAt });
    events.emit('scheduleFailed', { schedule: 's', error: 'nonsense' });
    events.emit('schedulesWatched', { lagMs: 2_500 });
    expect(await valueOf('schedule_fires_total{schedule="s",outcome="fired"}')).toBe(2);
    expect(await valueOf('schedule_fires_total{schedule="s",outcome="skipped_overlap"}')).toBe(1);
    expect(await valueOf('schedule_fires_total{schedule="s",outcome="misfired"}')).toBe(60);
    expect(await valueOf('schedule_failures_total')).toBe(1);
    expect(await valueOf('schedule_lag_seconds')).toBe(2.5);
    events.emit('leadershipLost', { reason: 'stopping' });
    expect(await valueOf('schedule_lag_seconds')).toBe(0);
  });

  test('Redis away and back, leading and not', async () => {
    events.emit('redisAway', { error: new Error('away') });
    events.emit('leading', { term: 7 });
    expect(await valueOf('redis_fallback_gauge')).toBe(1);
    expect(await valueOf('coordinator_leader_gauge')).toBe(1);
    events.emit('redisBack');
    events.emit('leadershipLost', { reason: 'stopping' });
    expect(await valueOf('redis_fallback_gauge')).toBe(0);
    expect(await valueOf('redis_fallbacks_total')).toBe(1);
    expect(await valueOf('coordinator_leader_gauge')).toBe(0);
    expect(await valueOf('coordinator_term_gauge')).toBe(7);
  });

  test('nothing after close, and nothing of one process part in another', async () => {
    const other = createMetrics({ events });
    metrics.close();
    events.emit('submitted', [{ jobType: 'a', queue: 'q' }]);
    expect(await valueOf('jobs_submitted_total{job_type="a",queue="q"}')).toBeUndefined();
    expect(await other.text()).toContain('jobs_submitted_total{job_type="a",queue="q"} 1');
    other.close();
    expect(events.eventNames()).toEqual([]);
  });
});

describe('the gauges of PostgreSQL', () => {
  const worker = { workerId: 'w1', isAlive: true, running: 2, slots: 5 };
  const reading: DepthReading = {
    depths: { pending: 3 },
    oldestReady: [{ queue: 'q', seconds: 9 }],
    workers: [worker],
    hasLeader: true,
    longestTransactionSeconds: 12.5,
    tables: [{ table: 'jobs', bytes: 8_192, deadRows: 7 }],
  };

  test('show the last reading and nothing of the one before', async () => {
    metrics.readDepthsFrom(async () => reading);
    expect(await valueOf('worker_alive_gauge{worker_id="w1"}')).toBe(1);
    metrics.readDepthsFrom(async () => ({ ...reading, workers: [{ ...worker, workerId: 'w2' }] }));
    expect(await valueOf('worker_alive_gauge{worker_id="w1"}')).toBeUndefined();
    const values = {
      'worker_alive_gauge{worker_id="w2"}': 1,
      'worker_running_gauge{worker_id="w2"}': 2,
      'worker_slots_gauge{worker_id="w2"}': 5,
      'queue_depth_gauge{status="pending"}': 3,
      'queue_oldest_ready_seconds{queue="q"}': 9,
      coordinator_alive_gauge: 1,
      postgres_longest_transaction_seconds: 12.5,
      'postgres_table_bytes{table="jobs"}': 8_192,
      'postgres_table_dead_rows{table="jobs"}': 7,
      postgres_up_gauge: 1,
    };
    for (const [series, value] of Object.entries(values)) {
      expect([series, await valueOf(series)]).toEqual([series, value]);
    }
  });

  test('show a worker that died as 0, and no slots of it', async () => {
    metrics.readDepthsFrom(async () => ({ ...reading, workers: [{ ...worker, isAlive: false }] }));
    expect(await valueOf('worker_alive_gauge{worker_id="w1"}')).toBe(0);
    expect(await valueOf('worker_slots_gauge{worker_id="w1"}')).toBeUndefined();
    expect(await valueOf('worker_running_gauge{worker_id="w1"}')).toBeUndefined();
  });

  test('show 0 while nobody leads', async () => {
    metrics.readDepthsFrom(async () => ({ ...reading, hasLeader: false }));
    expect(await valueOf('coordinator_alive_gauge')).toBe(0);
  });

  test('are not there, rather than stale or 0, when PostgreSQL cannot be read or was not asked', async () => {
    const gauges = [
      'queue_depth_gauge{status="pending"}',
      'queue_oldest_ready_seconds{queue="q"}',
      'worker_alive_gauge{worker_id="w1"}',
      'worker_slots_gauge{worker_id="w1"}',
      'coordinator_alive_gauge',
      'postgres_longest_transaction_seconds',
      'postgres_table_bytes{table="jobs"}',
    ];
    const shown = async () => {
      const values = await Promise.all(gauges.map(valueOf));
      return gauges.filter((_, index) => values[index] !== undefined);
    };
    expect(await shown()).toEqual([]);
    expect(await valueOf('postgres_up_gauge')).toBeUndefined();
    metrics.readDepthsFrom(async () => reading);
    expect(await shown()).toEqual(gauges);
    metrics.readDepthsFrom(() => Promise.reject(new Error('away')));
    expect(await valueOf('postgres_up_gauge')).toBe(0);
    expect(await shown()).toEqual([]);
  });
});

test('label values do not grow without end', () => {
  const made: string[][] = [];
  const childOf = childrenOf({ labels: (...values: string[]) => made.push(values) });
  for (let n = 0; n < 5_000; n++) childOf(`type-${n}`, 'q');
  expect(new Set(made.map(([type]) => type)).size).toBe(2_001);
  expect(made.at(-1)).toEqual(['(other)', '(other)']);
});
