import type { Database } from '../postgres/create-database.js';
import { ok, spokenSize, warning, type Finding } from './finding.js';

/** A standby's oldest snapshot, in transactions behind the newest, that is worth a word. */
const OLD_SNAPSHOT = 1_000_000;

interface Slot {
  readonly name: string;
  readonly active: boolean;
  readonly keptBytes: number | null;
  readonly snapshotAge: number | null;
}

const READ_SLOTS = `
  SELECT slot_name AS name, active, age(xmin)::int AS "snapshotAge",
         CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 END AS "keptBytes"
    FROM pg_replication_slots
   WHERE NOT temporary AND (age(xmin) > $1 OR (NOT active AND restart_lsn IS NOT NULL))
   ORDER BY slot_name LIMIT 10`;

/** Slots that keep old rows, or files of the write-ahead log, for somebody who does not come. @throws PostgresError */
export async function checkReplicationSlots(db: Database): Promise<Finding[]> {
  const { rows } = await db.query<Slot>(READ_SLOTS, [OLD_SNAPSHOT]);
  return rows.length > 0 ? rows.map(describe) : [ok('no replication slot holds anything back')];
}

function describe({ name, active, keptBytes, snapshotAge }: Slot): Finding {
  if (!active)
    return warning(
      `replication slot "${name}" is not in use and keeps ${spokenSize(keptBytes ?? 0)} of the write-ahead log`,
      'The log grows until its reader is back or the disk is full; then PostgreSQL stops.',
      `Bring its reader back, or drop it: SELECT pg_drop_replication_slot('${name.replaceAll("'", "''")}').`,
    );
  return warning(
    `the standby of replication slot "${name}" has a snapshot ${(snapshotAge ?? 0).toLocaleString('en')} transactions old`,
    'With hot_standby_feedback a long query there keeps PostgreSQL here from cleaning up: tables and indexes grow.',
    'End the long query on the standby, or let it read elsewhere.',
  );
}
