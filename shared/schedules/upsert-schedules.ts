import { isDeepStrictEqual } from 'node:util';
import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { checkSchedule, findRuleProblems } from './check-schedule.js';
import type { DefinedSchedule } from './define-schedule.js';
import { explainBusy } from './schedule-errors.js';
import { pickSpec, toSpec, type ScheduleSpec } from './schedule.js';
import {
  beginWriting,
  insertSchedule,
  lockSchedule,
  updateSchedule,
  type LockedSchedule,
} from './store-schedule.js';

/** Nearly always all of them: processes that start again write nothing, and wait for nobody. */
const FIND_UNCHANGED = `
  SELECT s.name FROM jsonb_each($1::jsonb) AS defined (name, spec) JOIN job_schedules s ON s.name = defined.name
   WHERE s.defined_as = defined.spec`;

/**
 * Stores schedules that code defines; any number of processes may do so at once. Of a schedule that is there, only that is
 * changed which the definition says differently than it did the last time: what an operator changed stays, and `enabled` always.
 *
 * @throws HoldfastError `validation_failed`, `busy`; PostgresError
 */
export async function upsertSchedules(
  installation: Installation,
  schedules: readonly DefinedSchedule[],
): Promise<void> {
  const definitions = new Map(schedules.map((schedule) => [schedule.name, define(installation, schedule)]));
  if (definitions.size < schedules.length) {
    const problem = 'must be different for each schedule';
    throw new HoldfastError('validation_failed', `name: ${problem}`, {
      details: [{ field: 'name', problem }],
    });
  }
  if (definitions.size === 0) return;
  const given = Object.fromEntries([...definitions].map(([name, { definition }]) => [name, definition]));
  const { rows } = await installation.db.query<{ name: string }>(FIND_UNCHANGED, [JSON.stringify(given)]);
  for (const { name } of rows) definitions.delete(name);
  for (const [name, defined] of definitions) {
    await patiently(name, () => upsertSchedule(installation, name, defined));
  }
}

/** A process that starts need not fail because twenty others store the same schedule. */
const MOST_TRIES = 10;

async function patiently(name: string, work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === MOST_TRIES || !isPostgresError(error, 'lock_conflict')) throw explainBusy(name, error);
    }
  }
}

interface Definition {
  readonly spec: ScheduleSpec;
  /** As JSON has it: dates are texts. */
  readonly definition: Readonly<Record<string, unknown>>;
}

function define({ jobDefaults }: Installation, { name, ...rest }: DefinedSchedule): Definition {
  const spec = toSpec(rest);
  checkSchedule(name, spec, jobDefaults);
  // Only at first: from then on it is the operator's.
  const lasting = JSON.stringify({ ...spec, enabled: undefined });
  return { spec, definition: JSON.parse(lasting) as Definition['definition'] };
}

async function upsertSchedule(
  { db }: Installation,
  name: string,
  { spec, definition }: Definition,
): Promise<void> {
  await db.transaction(async (tx) => {
    const now = await beginWriting(tx);
    if (await insertSchedule(tx, name, spec, now, definition)) return;
    const former = await lockSchedule(tx, name);
    // Deleted between the two statements, or stored by another process like ours.
    if (!former || isDeepStrictEqual(former.defined_as, definition)) return;
    await updateSchedule(tx, former, mergeSpec(former, spec, definition), now, definition);
  });
}

/** What code says differently than the last time, and of all else what is there. */
function mergeSpec(
  former: LockedSchedule,
  spec: ScheduleSpec,
  definition: Definition['definition'],
): ScheduleSpec {
  const changed = Object.entries(spec).filter(
    ([field]) => field in definition && !isDeepStrictEqual(former.defined_as?.[field], definition[field]),
  );
  const merged = { ...pickSpec(former), ...Object.fromEntries(changed) };
  // An operator's interval and code's cron expression, or an end before code's start: then the rule is what code says.
  if (findRuleProblems(merged).length === 0) return merged;
  const { cron_expression, interval_ms, timezone, starts_at, ends_at } = spec;
  return { ...merged, cron_expression, interval_ms, timezone, starts_at, ends_at };
}
