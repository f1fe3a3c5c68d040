import pg from 'pg';
import type { World } from '../../world/world.js';
import type { Say } from '../bound.js';

/** Dead letters, as old as the jobs to be deleted; half of them are among the first ids, where the walk begins. */
export const OLD_LETTERS = 1_000;
const CHUNK = 50_000;

const INSERT_FINISHED = `
  WITH job AS (
    INSERT INTO jobs (job_type, payload, status, attempt, created_at, updated_at, started_at, completed_at)
    SELECT 'old', jsonb_build_object('ref', 'old' || n), 'completed', 1, old.at, old.at, old.at, old.at
      FROM generate_series(1, $1::int) AS n, (SELECT now() - interval '1 day') AS old (at)
    RETURNING id, completed_at
  )
  INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms)
  SELECT id, 1, 'completed', completed_at, completed_at, 5 FROM job`;

const INSERT_DEAD_LETTERS = `
  WITH job AS (
    INSERT INTO jobs (job_type, payload, status, attempt, created_at, updated_at, started_at, completed_at, error_class, error_message)
    SELECT 'old-failed', jsonb_build_object('ref', 'letter' || n), 'failed', 1, old.at, old.at, old.at, old.at, 'permanent', 'it failed'
      FROM generate_series(1, $1::int) AS n, (SELECT now() - interval '1 day') AS old (at)
    RETURNING id, payload, completed_at
  ), history AS (
    INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms, error_class, error_message)
    SELECT id, 1, 'failed', completed_at, completed_at, 5, 'permanent', 'it failed' FROM job
  )
  INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason, created_at)
  SELECT id, 'default', 'old-failed', payload, 'old', 1, 'permanent', completed_at FROM job`;

/** Finished jobs of yesterday with their history, and dead letters among them. */
export async function insertOld({ db, servers }: World, count: number, say: Say): Promise<void> {
  await db.query(INSERT_DEAD_LETTERS, [OLD_LETTERS / 2]);
  for (let inserted = 0; inserted < count; inserted += CHUNK) {
    await db.query(INSERT_FINISHED, [Math.min(CHUNK, count - inserted)]);
  }
  await db.query(INSERT_DEAD_LETTERS, [OLD_LETTERS / 2]);
  say(`${count} old jobs inserted`);
  // As in an installation that has run for a while; autovacuum would do it in the middle of the measurement.
  const client = new pg.Client(servers.postgresUrl);
  await client.connect();
  await client.query('VACUUM ANALYZE jobs, job_executions').finally(() => client.end());
}

export async function countOld({ db }: World): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*) AS count FROM jobs WHERE job_type = 'old'`,
  );
  return rows[0]?.count ?? NaN;
}

const COUNT_HARM = `
  SELECT $1::int - (
    SELECT count(*) FROM dead_letter_jobs d JOIN jobs j ON j.id = d.job_id
      JOIN job_executions e ON e.job_id = d.job_id WHERE d.status = 'open' AND j.job_type = 'old-failed') AS letters,
    $2::int - (
    SELECT count(*) FROM jobs j JOIN job_executions e ON e.job_id = j.id
     WHERE j.job_type = 'effect' AND j.status = 'completed') AS young`;

/** How many dead letters are no longer there with their job and its history, and how many young jobs of so many. */
export async function countHarm({ db }: World, young: number): Promise<number> {
  const { rows } = await db.query<{ letters: number; young: number }>(COUNT_HARM, [OLD_LETTERS, young]);
  return (rows[0]?.letters ?? NaN) + (rows[0]?.young ?? NaN);
}
