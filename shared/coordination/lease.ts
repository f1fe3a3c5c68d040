import type { Database } from '../postgres/create-database.js';

export interface Leadership {
  readonly term: number;
  /** False when PostgreSQL may have been away: the lease had lain free, or we have not seen it answer since the former leader was last heard. */
  readonly isSeamless: boolean;
  /** Since when PostgreSQL has answered us all the time, by its own clock, as it writes it. */
  readonly seenSince: string;
  /** When it was taken or renewed, by the database's clock, as PostgreSQL writes it. */
  readonly renewedAt: string;
  /** We held it before, and PostgreSQL has answered in time since the renewal before this one. */
  readonly isGapless: boolean;
  /** Where the promoter goes on, as PostgreSQL writes it (microseconds do not fit a Date). */
  readonly promoteCursor: string;
}

/** $2 milliseconds is what a lease lasts. This one is from before the clock went back, or of a server whose clock was ahead: its holder may be gone. */
const OUTLASTS_ANY = `expires_at > now() + 2 * $2::float8 * interval '1 millisecond'`;
/** It was taken or renewed in what is the past. */
const IS_FROM_THE_PAST = `p.expires_at <= now() + $2::float8 * interval '1 millisecond'`;

/**
 * Takes or renews the lease. It is free when it expired, when it is ours, or when its holder does not reach Redis while
 * we do: that holder stays until somebody better comes, so that an installation without Redis still has a leader. And when it
 * would last longer than any.
 */
const HOLD_LEASE = `
  WITH prior AS (
    SELECT holder, expires_at FROM coordinator_lease WHERE name = 'coordinator' FOR UPDATE
  )
  UPDATE coordinator_lease l SET
    holder = $1, term = l.term + (l.holder IS DISTINCT FROM $1)::int,
    expires_at = now() + $2::float8 * interval '1 millisecond', reaches_redis = $3,
    promote_cursor = CASE WHEN l.holder = $1 THEN GREATEST(l.promote_cursor, $4::timestamptz) ELSE l.promote_cursor END
  FROM prior p
  WHERE l.name = 'coordinator' AND (p.holder = $1 OR p.expires_at < now() OR (NOT l.reaches_redis AND $3)
    OR p.${OUTLASTS_ANY})
  RETURNING l.term, l.promote_cursor::text AS "promoteCursor",
    -- Nobody may ever have led: from '-infinity' there is no distance.
    p.expires_at > now() - interval '3 seconds' AND ${IS_FROM_THE_PAST} AND $6::float8 > CASE WHEN p.holder IS NULL THEN 0 ELSE $2::float8 END
      + date_part('epoch', now() - GREATEST(p.expires_at, now() - interval '1 day')) * 1000 AS "isSeamless", now()::text AS "renewedAt",
    (now() - $6::float8 * interval '1 millisecond')::text AS "seenSince",
    p.holder = $1 AND p.expires_at > now() + ($2::float8 - $5::float8) * interval '1 millisecond'
      AND ${IS_FROM_THE_PAST} AS "isGapless"`;

export interface LeaseRequest {
  readonly holder: string;
  readonly leaseMs: number;
  readonly reachesRedis: boolean;
  readonly promoteCursor: string;
  /** Renewals further apart than this leave a gap. */
  readonly gapMs: number;
  /** For so long PostgreSQL has answered us all the time. */
  readonly seenMs: number;
}

/** Null: somebody else leads. @throws PostgresError */
export async function holdLease(db: Database, request: LeaseRequest): Promise<Leadership | null> {
  const { holder, leaseMs, reachesRedis, promoteCursor, gapMs, seenMs } = request;
  const values = [holder, leaseMs, reachesRedis, promoteCursor, gapMs, seenMs];
  const { rows } = await db.query<Leadership>(HOLD_LEASE, values);
  return rows[0] ?? null;
}

const READ_LEASE = `
  SELECT date_part('epoch', expires_at - now()) * 1000 AS "leftMs", reaches_redis AS "reachesRedis" FROM coordinator_lease
   WHERE name = 'coordinator' AND holder <> $1 AND expires_at >= now() AND NOT ${OUTLASTS_ANY}`;

/** Somebody else's lease. */
export interface ForeignLease {
  /** How long it lasts unless it is renewed. */
  readonly leftMs: number;
  /** Else a candidate that does may take it. */
  readonly reachesRedis: boolean;
}

/** Null: it is free, or `holder`'s own. Only reads, so that many candidates neither write nor wait for each other. @throws PostgresError */
export async function readForeignLease(
  db: Database,
  { holder, leaseMs }: Pick<LeaseRequest, 'holder' | 'leaseMs'>,
): Promise<ForeignLease | null> {
  const { rows } = await db.query<ForeignLease>(READ_LEASE, [holder, leaseMs]);
  return rows[0] ?? null;
}

/** Lets the next candidate lead as soon as it looks. */
export async function giveUpLease(db: Database, holder: string): Promise<void> {
  await db.query(
    `UPDATE coordinator_lease SET expires_at = now(), holder = NULL WHERE name = 'coordinator' AND holder = $1`,
    [holder],
  );
}
