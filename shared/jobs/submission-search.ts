import { groupBy } from '../group-by.js';
import type { Installation } from '../installation.js';
import { readNewest } from '../redis/newest-entries.js';
import { dispatchJobs, type DispatchableJob } from './dispatch-jobs.js';
import { UnseenIds } from './unseen-ids.js';

const PAGE = 5_000;
/** A search begins this far back: a transaction that was given an id before may commit only now. */
const IDS_BACK = 1_000;
/** Of a lane's newest entries, besides as many as there are jobs to compare with: what others pushed meanwhile. */
const NEWEST_BESIDES = 1_000;

/** `$1`: milliseconds. The newest ids alone, so that a huge table costs no more. */
const READ_START = `
  SELECT LEAST(
    (SELECT min(id) FROM (SELECT id, created_at FROM jobs ORDER BY id DESC LIMIT 10000) newest
      WHERE created_at > now() - $1 * interval '1 millisecond'),
    pg_sequence_last_value(pg_get_serial_sequence('jobs', 'id')) - ${IDS_BACK}) - 1 AS "lastId"`;

const READ_LAST_ID = `SELECT pg_sequence_last_value(pg_get_serial_sequence('jobs', 'id')) AS "lastId"`;

/** `$3`: what was submitted longer ago than so many milliseconds is not news; null: it was not to be seen before. */
const READ_UNSEEN = `
  SELECT job.* FROM unnest($1::bigint[], $2::bigint[]) AS gap (lowest, highest) CROSS JOIN LATERAL (
    SELECT id, queue, priority,
           status = 'pending' AND attempt = 0 AND unmet_dependencies = 0
             AND (scheduled_at IS NULL OR scheduled_at <= now())
             AND ($3::float8 IS NULL OR created_at > now() - $3 * interval '1 millisecond') AS "isNews"
      FROM jobs WHERE id BETWEEN gap.lowest AND gap.highest ORDER BY id LIMIT ${PAGE}) job
   LIMIT ${PAGE}`;

interface FoundJob extends DispatchableJob {
  readonly isNews: boolean;
}

/**
 * Finds jobs that were submitted without a push to Redis, for when nobody hears their announcements. It follows the ids
 * that the sequence gives out, so that a look costs as much as was submitted since the one before, whatever the backlog.
 */
export class SubmissionSearch {
  private unseen: UnseenIds | undefined;

  /** @param reachBackMs the first look finds what was submitted this long ago */
  constructor(
    private readonly installation: Installation,
    private readonly reachBackMs: number,
  ) {}

  /** Dispatches what has come to light since the look before. @throws PostgresError */
  async look(): Promise<void> {
    const lastId = await this.readLastId(READ_LAST_ID);
    // A sequence that went back was restarted, with an emptied table most likely.
    const isFirst = this.unseen === undefined || lastId < this.unseen.last;
    const reachBackMs = isFirst ? this.reachBackMs : null;
    const unseen = isFirst ? new UnseenIds(await this.readLastId(READ_START, [reachBackMs])) : this.unseen!;
    const now = performance.now();
    unseen.extend(lastId, now);
    while (!unseen.isEmpty && (await this.lookAtPage(unseen, reachBackMs)) === PAGE);
    unseen.forget(now);
    this.unseen = unseen;
  }

  private async lookAtPage(unseen: UnseenIds, reachBackMs: number | null): Promise<number> {
    const { lowest, highest } = unseen.bounds;
    const { rows } = await this.installation.db.query<FoundJob>(READ_UNSEEN, [lowest, highest, reachBackMs]);
    await dispatchUnlisted(
      this.installation,
      rows.filter(({ isNews }) => isNews),
    );
    unseen.see(rows.map(({ id }) => id));
    return rows.length;
  }

  private async readLastId(text: string, values: unknown[] = []): Promise<number> {
    const { rows } = await this.installation.db.query<{ lastId: number | null }>(text, values);
    return Math.max(rows[0]?.lastId ?? 0, 0);
  }
}

/** Dispatches those of them that no submitter has pushed: most, in a system that submits through the library or the API. */
async function dispatchUnlisted(installation: Installation, jobs: readonly FoundJob[]): Promise<void> {
  const { lanes } = installation;
  if (!lanes) return;
  const byLane = groupBy(
    [...jobs].sort((a, b) => a.id - b.id),
    ({ queue, priority }) => `${queue} ${priority}`,
  );
  for (const ofLane of byLane.values()) {
    const [{ queue, priority }] = ofLane as [FoundJob];
    // With Redis away nothing can be pushed either; then it is all told by dispatchJobs.
    const listed = await readNewest(lanes, queue, priority, 2 * ofLane.length + NEWEST_BESIDES).catch(
      () => new Set<number>(),
    );
    await dispatchJobs(
      installation,
      ofLane.filter(({ id }) => !listed.has(id)),
    );
  }
}
