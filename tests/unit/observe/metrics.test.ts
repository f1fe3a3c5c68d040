import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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
  test('show the last reading and nothing of the one before', async () => {
    const reading = { depths: { pending: 3 }, oldestReady: [{ queue: 'q', seconds: 9 }] };
    metrics.readDepthsFrom(async () => ({ ...reading, workers: [{ workerId: 'w1', isAlive: true }] }));
    expect(await valueOf('worker_alive_gauge{worker_id="w1"}')).toBe(1);
    metrics.readDepthsFrom(async () => ({ ...reading, workers: [{ workerId: 'w2', isAlive: false }] }));
    expect(await valueOf('worker_alive_gauge{worker_id="w1"}')).toBeUndefined();
    expect(await valueOf('worker_alive_gauge{worker_id="w2"}')).toBe(0);
    expect(await valueOf('queue_depth_gauge{status="pending"}')).toBe(3);
    expect(await valueOf('queue_oldest_ready_seconds{queue="q"}')).toBe(9);
    expect(await valueOf('postgres_up_gauge')).toBe(1);
  });

  test('vanish, rather than grow stale, when it cannot be read', async () => {
    metrics.readDepthsFrom(async () => ({ depths: { pending: 3 }, oldestReady: [], workers: [] }));
    await metrics.text();
    metrics.readDepthsFrom(() => Promise.reject(new Error('away')));
    expect(await valueOf('postgres_up_gauge')).toBe(0);
    expect(await valueOf('queue_depth_gauge{status="pending"}')).toBeUndefined();
  });
});

test('label values do not grow without end', () => {
  const made: string[][] = [];
  const childOf = childrenOf({ labels: (...values: string[]) => made.push(values) });
  for (let n = 0; n < 5_000; n++) childOf(`type-${n}`, 'q');
  expect(new Set(made.map(([type]) => type)).size).toBe(2_001);
  expect(made.at(-1)).toEqual(['(other)', '(other)']);
});
