import pg from 'pg';
import type { PlannedJob } from './submit-mix.js';

export const SHIPPED_ORDER = 1_042;
export const FORGOTTEN_ORDER = 1_043;

const SUBMIT = `SELECT submit_job('ship_order', jsonb_build_object('order', $1::int), queue => $2) AS id`;

/**
 * Submits by plain SQL, as any language can, in the transaction that stores the order: a job exists when its
 * transaction commits, and never when that is rolled back.
 */
export async function submitBySql(
  postgresUrl: string,
  queue: string,
): Promise<{ committed: PlannedJob; rolledBackId: number }> {
  const client = new pg.Client({ connectionString: postgresUrl, application_name: 'holdfast demo' });
  await client.connect();
  try {
    await client.query('CREATE TEMPORARY TABLE orders (number int PRIMARY KEY)');
    const storeAndShip = async (order: number, end: 'COMMIT' | 'ROLLBACK'): Promise<number> => {
      await client.query('BEGIN');
      await client.query('INSERT INTO orders VALUES ($1)', [order]);
      const { rows } = await client.query<{ id: string }>(SUBMIT, [order, queue]);
      await client.query(end);
      return Number(rows[0]?.id);
    };
    const rolledBackId = await storeAndShip(FORGOTTEN_ORDER, 'ROLLBACK');
    const id = await storeAndShip(SHIPPED_ORDER, 'COMMIT');
    return { committed: { id, expected: 'completed' }, rolledBackId };
  } finally {
    await client.end();
  }
}
