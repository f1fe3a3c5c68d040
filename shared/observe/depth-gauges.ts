import { Gauge, type Registry } from 'prom-client';

/** What the gauges show of PostgreSQL. Whoever reads it bounds its cost; see shared/jobs/measure-jobs.ts. */
export interface DepthReading {
  readonly depths: Readonly<Record<string, number>>;
  readonly oldestReady: readonly { readonly queue: string; readonly seconds: number }[];
  readonly workers: readonly WorkerReading[];
  readonly hasLeader: boolean;
  readonly longestTransactionSeconds: number;
  readonly tables: readonly { readonly table: string; readonly bytes: number; readonly deadRows: number }[];
}

interface WorkerReading {
  readonly workerId: string;
  readonly isAlive: boolean;
  readonly running: number;
  readonly slots: number;
}

/** Shows a reading. Undefined: nothing is known, so that an old number does not pass for a present one. */
export type ShowReading = (reading: DepthReading | undefined) => void;

/**
 * Of the installation, not of the process: each process shows the same, so that a query takes `max by`, never `sum`, over
 * processes.
 */
export function createDepthGauges(registry: Registry): ShowReading {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const isUp = gauge('postgres_up_gauge', '1 when PostgreSQL could be measured at the last scrape');
  const depth = gauge('queue_depth_gauge', 'Jobs by state; dlq: open dead letters', ['status']);
  const oldest = gauge('queue_oldest_ready_seconds', 'How long the first ready job has waited', ['queue']);
  const parts = [createWorkerGauges(registry), createSurroundingGauges(registry)];

  return (reading) => {
    isUp.set(reading ? 1 : 0);
    depth.reset();
    oldest.reset();
    for (const show of parts) show(reading);
    if (!reading) return;
    for (const [status, count] of Object.entries(reading.depths)) depth.set({ status }, count);
    for (const { queue, seconds } of reading.oldestReady) oldest.set({ queue }, seconds);
  };
}

function createWorkerGauges(registry: Registry): ShowReading {
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['worker_id'], registers: [registry] });
  const alive = gauge('worker_alive_gauge', '0: silent, or dead within the last hour');
  const running = gauge(
    'worker_running_gauge',
    'Jobs that a live worker runs, or has claimed to run within milliseconds',
  );
  const slots = gauge('worker_slots_gauge', 'Jobs that a live worker may run at once');

  return (reading) => {
    for (const one of [alive, running, slots]) one.reset();
    for (const worker of reading?.workers ?? []) {
      const labels = { worker_id: worker.workerId };
      alive.set(labels, worker.isAlive ? 1 : 0);
      if (!worker.isAlive) continue;
      running.set(labels, worker.running);
      slots.set(labels, worker.slots);
    }
  };
}

function createSurroundingGauges(registry: Registry): ShowReading {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const led = gauge('coordinator_alive_gauge', '1 while some process holds the lease of the coordinator');
  const transaction = gauge(
    'postgres_longest_transaction_seconds',
    'Age of the oldest open transaction of this database; 0: none',
  );
  const bytes = gauge('postgres_table_bytes', 'Size of a table with its indexes', ['table']);
  const deadRows = gauge('postgres_table_dead_rows', 'Row versions that wait for VACUUM, an estimate', [
    'table',
  ]);

  function show(reading: DepthReading | undefined): void {
    // Without labels a gauge comes back from `reset` as 0, which here would be a statement.
    led.remove();
    transaction.remove();
    bytes.reset();
    deadRows.reset();
    if (!reading) return;
    led.set(reading.hasLeader ? 1 : 0);
    transaction.set(reading.longestTransactionSeconds);
    for (const { table, ...measure } of reading.tables) {
      bytes.set({ table }, measure.bytes);
      deadRows.set({ table }, measure.deadRows);
    }
  }
  show(undefined);
  return show;
}
