import type { Database } from '../postgres/create-database.js';
import { shortJson } from '../postgres/short-json.js';
import { SCHEDULE_COLUMNS, type ScheduleRow } from './schedule.js';

export interface ScheduleFilter {
  readonly enabled?: boolean | undefined;
  readonly jobType?: string | undefined;
  readonly queue?: string | undefined;
}

export interface ScheduleListRequest {
  readonly filter: ScheduleFilter;
  readonly limit: number;
  /** The name after which the page begins. */
  readonly cursor?: string | undefined;
}

/** A schedule in a list. A large payload stays out of it; the schedule itself has it. */
export interface ListedSchedule extends ScheduleRow {
  readonly is_payload_omitted: boolean;
}

export interface SchedulePage {
  readonly schedules: readonly ListedSchedule[];
  readonly hasMore: boolean;
  /** The last name of the page: the cursor of the next one. */
  readonly nextCursor: string | null;
}

const LISTED_COLUMNS = SCHEDULE_COLUMNS.replace(' payload,', ` ${shortJson('payload')},`);
const LIST_SCHEDULES = `
  SELECT ${LISTED_COLUMNS} FROM job_schedules
   WHERE ($1::boolean IS NULL OR enabled = $1) AND ($2::text IS NULL OR job_type = $2) AND ($3::text IS NULL OR queue = $3)
     AND ($4::text IS NULL OR name > $4)
   ORDER BY name LIMIT $5`;

/** A page of schedules by name. @throws PostgresError */
export async function listSchedules(
  db: Database,
  { filter: { enabled, jobType, queue }, limit, cursor }: ScheduleListRequest,
): Promise<SchedulePage> {
  const values = [enabled, jobType, queue, cursor, limit + 1].map((value) => value ?? null);
  const { rows } = await db.query<ListedSchedule>(LIST_SCHEDULES, values);
  const schedules = rows.slice(0, limit);
  const hasMore = rows.length > limit;
  return { schedules, hasMore, nextCursor: hasMore ? (schedules.at(-1)?.name ?? null) : null };
}
