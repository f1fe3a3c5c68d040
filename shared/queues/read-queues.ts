import type { Database } from '../postgres/create-database.js';
import {
  capFor,
  countAside,
  countUnfinished,
  type AsideDepth,
  type AsideDepths,
  type QueueDepth,
} from './count-depths.js';
import { estimateDepths, type EstimatedDepth } from './estimate-depths.js';
import { isQueueKnown, listQueues } from './known-queues.js';
import { measureThroughput, type QueueThroughput, type ThroughputMeasure } from './measure-throughput.js';

/** How a queue is doing. */
export interface QueueReading {
  readonly name: string;
  /** Null: it is not paused. */
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
  readonly pauseReason: string | null;
  readonly depths: QueueDepth;
  /** False: it has so many jobs that some of the depths are estimates. */
  readonly isExact: boolean;
  /** How long the job that is ready longest has been so; null: none is, as in a paused queue. */
  readonly oldestReadySeconds: number | null;
  readonly throughput: QueueThroughput & { readonly isExact: boolean };
  /** Workers alive that serve it. */
  readonly workers: number;
}

export interface QueuePage {
  readonly queues: readonly QueueReading[];
  readonly hasMore: boolean;
}

/** Where throughput comes from: a process that is asked often measures it now and then. */
export type ThroughputSource = () => Promise<ThroughputMeasure>;

interface Setting {
  readonly name: string;
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
  readonly pauseReason: string | null;
  readonly workers: number;
}

const READ_SETTINGS = `
  SELECT known.name, q.paused_at AS "pausedAt", CASE WHEN q.paused_at IS NOT NULL THEN q.paused_by END AS "pausedBy",
         CASE WHEN q.paused_at IS NOT NULL THEN q.pause_reason END AS "pauseReason",
         (SELECT count(*) FROM workers w WHERE w.dead_at IS NULL AND w.stopped_at IS NULL AND known.name = ANY (w.queues)
             AND w.last_seen_at >= now() - w.dead_after_ms * interval '1 millisecond') AS workers
    FROM unnest($1::text[]) WITH ORDINALITY AS known (name, place) LEFT JOIN queues q ON q.name = known.name
   ORDER BY known.place`;

/**
 * A page of queues, in the order of their names: those with unfinished jobs, with jobs that completed within the hour, with a
 * worker, or with a row of their own. The cost is bounded, however large the backlog.
 *
 * @throws PostgresError
 */
export async function readQueues(
  db: Database,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
  readThroughput: ThroughputSource = () => measureThroughput(db),
): Promise<QueuePage> {
  const throughput = await readThroughput();
  const aside = await countAside(db);
  const others = [...aside.byQueue.keys(), ...throughput.byQueue.keys()];
  const names = await listQueues(db, after, limit + 1, others);
  const queues = await describe(db, names.slice(0, limit), aside, throughput);
  return { queues, hasMore: names.length > limit };
}

/** One queue; null when nothing is known of it. @throws PostgresError */
export async function readQueue(
  db: Database,
  name: string,
  readThroughput: ThroughputSource = () => measureThroughput(db),
): Promise<QueueReading | null> {
  const throughput = await readThroughput();
  if (!throughput.byQueue.has(name) && !(await isQueueKnown(db, name))) return null;
  const [queue] = await describe(db, [name], await countAside(db), throughput);
  return queue ?? null;
}

/** One statement after the other: whoever looks must not take the connections of those who work. */
async function describe(
  db: Database,
  names: readonly string[],
  aside: AsideDepths,
  throughput: ThroughputMeasure,
): Promise<QueueReading[]> {
  if (names.length === 0) return [];
  const depths = await readDepths(db, names, aside);
  const { rows: settings } = await db.query<Setting>(READ_SETTINGS, [names]);
  return settings.map((setting) => {
    const { isExact, ...depth } = depths.get(setting.name)!;
    const counted = throughput.byQueue.get(setting.name) ?? { lastMinute: 0, lastHour: 0 };
    return {
      ...setting,
      ...(setting.pausedAt === null ? going(depth) : heldBack(depth)),
      isExact,
      throughput: { ...counted, isExact: throughput.isExact },
    };
  });
}

/** Before it is known whether the queue is paused. */
interface Depth extends Omit<QueueDepth, 'paused'> {
  readonly oldestReadySeconds: number | null;
}

interface DepthOf extends Depth {
  readonly isExact: boolean;
}

type Shown = Pick<QueueReading, 'depths' | 'oldestReadySeconds'>;

const going = ({ ready, scheduled, blocked, running, oldestReadySeconds }: Depth): Shown => ({
  depths: { ready, paused: 0, scheduled, blocked, running },
  oldestReadySeconds,
});

/** A paused queue waits on purpose: nothing in it is ready, and nothing is late. */
const heldBack = ({ ready, scheduled, blocked, running }: Depth): Shown => ({
  depths: { ready: 0, paused: ready, scheduled, blocked, running },
  oldestReadySeconds: null,
});

async function readDepths(
  db: Database,
  names: readonly string[],
  aside: AsideDepths,
): Promise<Map<string, DepthOf>> {
  const cap = capFor(names.length);
  const counted = await countUnfinished(db, names, cap);
  const large = [...counted.values()].filter(({ seen }) => seen > cap).map(({ queue }) => queue);
  const known = [...counted.values()].reduce((sum, { seen }) => sum + (seen > cap ? 0 : seen), 0);
  const estimated: ReadonlyMap<string, EstimatedDepth> =
    large.length === 0 ? new Map() : await estimateDepths(db, large, known);
  return new Map(
    names.map((name) => {
      const inLanes = estimated.get(name) ?? counted.get(name);
      const isExact = aside.isExact && !estimated.has(name);
      return [name, { ...join(inLanes, aside.byQueue.get(name)), isExact }];
    }),
  );
}

function join(inLanes: EstimatedDepth | undefined, aside: AsideDepth | undefined): Depth {
  const oldest = [inLanes?.oldestReadySeconds, aside?.oldestReadySeconds].filter(
    (seconds) => typeof seconds === 'number',
  );
  return {
    ready: (inLanes?.ready ?? 0) + (aside?.ready ?? 0),
    scheduled: (inLanes?.scheduled ?? 0) + (aside?.scheduled ?? 0),
    blocked: aside?.blocked ?? 0,
    running: inLanes?.running ?? 0,
    oldestReadySeconds: oldest.length > 0 ? Math.max(...oldest) : null,
  };
}
