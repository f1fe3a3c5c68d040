import pg from 'pg';
import type { Servers } from '../../servers/start-servers.js';
import { median, perSecond } from '../statistics.js';

/** What the machine can do at this moment, measured by the least that any durable queue has to do. */
export interface Yardstick {
  /** Rows inserted per second, 500 a statement, 4 statements under way. */
  readonly inserts: number;
  /** Rows updated twice per second, 500 a statement, 4 statements under way. */
  readonly doubleUpdates: number;
  /** One row inserted and committed, alone; milliseconds, the median. */
  readonly commitMs: number;
}

/** Half a second each, or chance decides. */
const INSERTED = 250_000;
const UPDATED = 50_000;
const BATCH = 500;
const COMMITS = 200;
const TABLE = 'CREATE TABLE IF NOT EXISTS yardstick (id int PRIMARY KEY, state int, body jsonb)';

export async function measureYardstick({ postgresUrl }: Servers): Promise<Yardstick> {
  const pool = new pg.Pool({ connectionString: postgresUrl, max: 4 });
  try {
    await pool.query(TABLE);
    await pool.query('TRUNCATE yardstick');
    const inserts = await inBatches(INSERTED, (from) =>
      pool.query(
        `INSERT INTO yardstick SELECT n, 0, '{"n": 1, "to": "someone@example.com"}' FROM generate_series($1::int, $2::int) n`,
        [from, from + BATCH - 1],
      ),
    );
    const doubleUpdates = await inBatches(UPDATED, async (from) => {
      const ids = Array.from({ length: BATCH }, (_, index) => from + index);
      for (const state of [1, 2])
        await pool.query('UPDATE yardstick SET state = $2 WHERE id = ANY ($1) RETURNING id, body', [
          ids,
          state,
        ]);
    });
    return { inserts, doubleUpdates, commitMs: await measureCommit(pool) };
  } finally {
    await pool.end();
  }
}

async function inBatches(rows: number, work: (from: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let next = 0;
  const lane = async () => {
    for (let from = next; from < rows; from = next) {
      next += BATCH;
      await work(from);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return perSecond(rows, performance.now() - start);
}

async function measureCommit(pool: pg.Pool): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < COMMITS; n++) {
    const start = performance.now();
    await pool.query(`INSERT INTO yardstick VALUES ($1, 0, '{}')`, [INSERTED + n]);
    took.push(performance.now() - start);
  }
  return median(took);
}
