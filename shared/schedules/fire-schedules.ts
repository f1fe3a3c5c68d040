import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { dispatchJobs } from '../jobs/dispatch-jobs.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { claimFires, storeMisfires, storeNextRuns, type ClaimedFire, type Handled } from './claim-fires.js';
import { decideFires, type FireDecision, type MisfirePolicy } from './decide-fires.js';
import { SINCE } from './read-schedule-work.js';
import { readRule, type ScheduleRule } from './next-fire.js';

interface DueSchedule extends ScheduleRule {
  readonly id: number;
  readonly name: string;
  readonly next_run_at: Date;
  readonly misfire_policy: MisfirePolicy;
  readonly max_catch_up: number;
  readonly now: Date;
}

export interface FiringOptions {
  /** Schedules of one transaction. Default 1,000. */
  readonly pageSize?: number;
  /** Ids of schedules that are left alone. */
  readonly except?: readonly number[];
  /** Leave alone what is due for longer, in milliseconds. Default null: nothing. */
  readonly lookBackMs?: number | null;
}

export interface Firing {
  /** How many schedules were handled. */
  readonly count: number;
  /** Of a page of one schedule whose job PostgreSQL refused: nothing of it is stored. */
  readonly refusedId?: number;
}

const PAGE = 1_000;
/** Jobs of one transaction, beyond the last schedule's. */
const MOST_FIRES = 2_000;
/** Working out what an outage left due may take long; what is over this is for the next page. */
const LONGEST_DECIDING_MS = 250;

/** Somebody else's locked rows are being fired, or changed, by them. */
const LOCK_DUE = `
  SELECT id, name, cron_expression, interval_ms, timezone, starts_at, ends_at, created_at, next_run_at, misfire_policy,
         max_catch_up, now() AS now
    FROM job_schedules
   WHERE enabled AND next_run_at <= now() AND next_run_at > ${SINCE('$3')} AND id <> ALL ($2::bigint[])
   ORDER BY next_run_at, id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`;

/**
 * Fires one page of the schedules that are due. What became of each fire time, its job, and the schedule's next fire are stored
 * in one transaction: a crash leaves all of it or nothing, and whoever else fires meanwhile finds the rows locked, or moved on.
 *
 * @throws PostgresError
 */
export async function fireSchedules(
  installation: Installation,
  { pageSize = PAGE, except = [], lookBackMs = null }: FiringOptions = {},
): Promise<Firing> {
  let due: DueSchedule[] = [];
  try {
    const page = await installation.db.transaction(async (tx) => {
      due = (await tx.query(LOCK_DUE, [pageSize, except, lookBackMs])).rows as DueSchedule[];
      return firePage(tx, installation, due);
    });
    announce(installation, page);
    return { count: page.handled.length };
  } catch (error) {
    const [first] = due;
    if (!first || !isRefusal(error)) throw error;
    // One schedule must not keep the others from firing: each by itself shows which it is.
    if (due.length > 1) return fireOneByOne(installation, due.length, { except, lookBackMs });
    return refuse(installation, first, error);
  }
}

async function fireOneByOne(
  installation: Installation,
  most: number,
  options: FiringOptions,
): Promise<Firing> {
  for (let count = 0; count < most; count++) {
    const one = await fireSchedules(installation, { ...options, pageSize: 1 });
    if (one.refusedId !== undefined) return { count, refusedId: one.refusedId };
    if (one.count === 0) return { count };
  }
  return { count: most };
}

/** A constraint or a trigger that somebody put on `jobs`, which may wait for a lock. Ids that were given to rows by hand are got past by trying again. */
const isRefusal = (error: unknown): boolean =>
  isPostgresError(error, 'constraint', 'bad_value', 'other', 'lock_conflict') &&
  error.constraint !== 'jobs_pkey';

/** A row that somebody holds is noted another time: all other schedules would wait. */
const NOTE_REFUSAL = `
  UPDATE job_schedules SET last_error = $2, updated_at = clock_timestamp()
   WHERE id = (SELECT id FROM job_schedules WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED)`;

async function refuse(
  { db, events }: Installation,
  { id, name }: DueSchedule,
  cause: unknown,
): Promise<Firing> {
  const error = `its job was refused: ${messageOf(cause)}`;
  await db.query(NOTE_REFUSAL, [id, error]);
  events.emit('scheduleFailed', { schedule: name, error });
  return { count: 0, refusedId: id };
}

interface FiredPage {
  readonly handled: readonly (Handled & { readonly name: string })[];
  readonly claimed: readonly ClaimedFire[];
}

async function firePage(
  tx: QueryTarget,
  { jobDefaults }: Installation,
  due: readonly DueSchedule[],
): Promise<FiredPage> {
  const handled = decideAll(due);
  if (handled.length === 0) return { handled, claimed: [] };
  const claimed = await claimFires(tx, handled, jobDefaults);
  await storeMisfires(tx, handled);
  await storeNextRuns(tx, handled, claimed);
  return { handled, claimed };
}

/** As many of them as fit a transaction; at least one. */
function decideAll(due: readonly DueSchedule[]): (Handled & { readonly name: string })[] {
  const giveUpAt = performance.now() + LONGEST_DECIDING_MS;
  const handled = [];
  let fires = 0;
  for (const { id, name, ...schedule } of due) {
    const decision = decide(schedule);
    handled.push({ id, name, ...decision });
    fires += decision.fires.length;
    if (fires >= MOST_FIRES || performance.now() > giveUpAt) break;
  }
  return handled;
}

/** A rule that SQL got wrong has no fire: without a next one it is planned again, which tells what is wrong with it. */
function decide(schedule: Omit<DueSchedule, 'id' | 'name'>): FireDecision {
  const { next_run_at, now, misfire_policy: misfirePolicy, max_catch_up: maxCatchUp } = schedule;
  try {
    const due = { dueAt: next_run_at.getTime(), now: now.getTime(), misfirePolicy, maxCatchUp };
    return decideFires(readRule(schedule), due);
  } catch {
    return { fires: [], misfire: null, next: null };
  }
}

function announce(installation: Installation, { handled, claimed }: FiredPage): void {
  const { events } = installation;
  const jobs = claimed.flatMap(({ jobId: id, jobType, queue, priority }) =>
    id === null ? [] : { id, jobType, queue, priority },
  );
  if (claimed.length > 0) {
    const names = new Map(handled.map(({ id, name }) => [id, name]));
    const toEvent = ({ scheduleId, jobId, fireAt, outcome }: ClaimedFire) => {
      return { schedule: names.get(scheduleId) ?? '', jobId, fireAt, outcome };
    };
    events.emit('scheduleFired', claimed.map(toEvent));
  }
  if (jobs.length > 0) events.emit('submitted', jobs);
  for (const { name: schedule, misfire } of handled) {
    if (!misfire) continue;
    const { from, until, missed } = misfire;
    events.emit('scheduleMisfired', { schedule, missed, from: new Date(from), until: new Date(until) });
  }
  void dispatchJobs(installation, jobs);
}
