import type { NextFire } from './next-fire.js';

/** What to do about fire times that passed while nobody could fire them. */
export type MisfirePolicy = 'skip' | 'fire_once' | 'catch_up';

/** What to do when the last job is unfinished at the next fire time. */
export type OverlapPolicy = 'allow' | 'skip';

export interface DueSchedule {
  /** The first fire time that is due. Instants are milliseconds since 1970. */
  readonly dueAt: number;
  readonly now: number;
  readonly misfirePolicy: MisfirePolicy;
  readonly maxCatchUp: number;
}

/** Fire times that get no job. */
export interface Misfire {
  readonly from: number;
  readonly until: number;
  /** How many; MOST_COUNTED: that many or more. */
  readonly missed: number;
}

export interface FireDecision {
  readonly fires: readonly number[];
  readonly misfire: Misfire | null;
  /** Null: never again. */
  readonly next: number | null;
}

/** A fire no later than this is late, and not missed: restarts and failovers take less. */
export const LATE_MS = 30_000;
/** Beyond this the missed fires of one outage are not counted one by one. */
export const MOST_COUNTED = 10_000;
/** The first look back; each further one reaches four times as far. */
const LOOK_BACK_MS = 60_000;

/**
 * Which of the fire times up to `now` get a job. When none is more than LATE_MS old, all of them do, whatever the policy.
 * Else there was an outage: `skip` fires none but the latest, and that only if it is merely late; `fire_once` fires the latest;
 * `catch_up` fires the latest `maxCatchUp`. All others are misfires.
 */
export function decideFires(
  next: NextFire,
  { dueAt, now, misfirePolicy, maxCatchUp }: DueSchedule,
): FireDecision {
  const due = collectDue(next, dueAt, now, maxCatchUp + 1);
  const wasAway = now - dueAt > LATE_MS;
  const fires = wasAway ? chooseFires(due.latest, now, misfirePolicy, maxCatchUp) : due.latest;
  return { fires, misfire: describeMisfire(due, dueAt, fires), next: due.following };
}

function chooseFires(
  latest: readonly number[],
  now: number,
  policy: MisfirePolicy,
  maxCatchUp: number,
): readonly number[] {
  if (policy === 'catch_up') return latest.slice(-maxCatchUp);
  const last = latest.at(-1) as number;
  return policy === 'fire_once' || now - last <= LATE_MS ? [last] : [];
}

interface Due {
  /** In order; all of them, or at least as many as were asked for. */
  readonly latest: readonly number[];
  readonly count: number;
  /** The first one after `now`. */
  readonly following: number | null;
}

function describeMisfire({ latest, count }: Due, dueAt: number, fires: readonly number[]): Misfire | null {
  const missed = count - fires.length;
  if (missed === 0) return null;
  const until = latest.at(-1 - fires.length) as number;
  return { from: dueAt, until, missed: Math.min(missed, MOST_COUNTED) };
}

function collectDue(next: NextFire, dueAt: number, now: number, atLeast: number): Due {
  const most = MOST_COUNTED + atLeast;
  const { found, following } = walk(next, dueAt, now, most);
  if (found.length < most) return { latest: found, count: found.length, following };
  return { ...lookBack(next, dueAt, now, atLeast), count: found.length };
}

/** The latest ones of very many, without a walk through all of them. */
function lookBack(next: NextFire, dueAt: number, now: number, atLeast: number): Omit<Due, 'count'> {
  for (let backMs = LOOK_BACK_MS; ; backMs *= 4) {
    const from = now - backMs;
    const { found, following } = walk(next, from > dueAt ? next(from) : dueAt, now, Infinity);
    if (found.length >= atLeast || from <= dueAt) return { latest: found, following };
  }
}

/** Fire times from this one on, and the one that follows them. */
function walk(next: NextFire, from: number | null, now: number, most: number) {
  const found: number[] = [];
  let following = from;
  while (following !== null && following <= now && found.length < most) {
    found.push(following);
    following = next(following);
  }
  return { found, following };
}
