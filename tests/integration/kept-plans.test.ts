import { afterAll, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '../../shared/postgres/create-database.js';
import { hasPgBouncer, startPrivatePgBouncer } from '../support/private-pgbouncer.js';
import { createTestInstallation } from '../support/test-installation.js';

/** Plans are kept on sessions of our own, and nowhere else. */
const home = await createTestInstallation();
const open = (connectionString: string) => createDatabase({ connectionString, poolSize: 1 });
const direct = open(home.connectionString);
afterAll(async () => {
  await direct.close();
  await home.close();
});

const countKept = async (db: Database): Promise<number> =>
  (await db.query<{ n: number }>('SELECT count(*) AS n FROM pg_prepared_statements')).rows[0]?.n ?? NaN;
const askTwice = async (db: Database) => {
  for (const id of [1, 2]) await db.query('SELECT id FROM jobs WHERE id = $1', [id]);
};
const setting = async (db: Database): Promise<unknown> =>
  (await db.query<{ enable_seqscan: string }>('SHOW enable_seqscan')).rows[0]?.enable_seqscan;

test('a statement with parameters is planned by name, once per connection', async () => {
  const before = await countKept(direct);
  await askTwice(direct);
  expect((await countKept(direct)) - before).toBe(1);
  expect(await setting(direct)).toBe('off');
});

test('one plan serves all values, from the first time on', async () => {
  const text = 'SELECT id FROM jobs WHERE queue = $1 AND id > $2';
  for (let times = 0; times < 7; times++) await direct.query(text, ['default', times]);
  const { rows } = await direct.query(
    'SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1',
    [text],
  );
  expect(rows).toEqual([{ generic_plans: 7, custom_plans: 0 }]);
});

test('a plan that no longer fits its table is given up, not an error', async () => {
  await direct.query('CREATE TABLE changing (id int, value int)');
  await direct.query('INSERT INTO changing VALUES ($1, $2)', [1, 7]);
  const read = async () => (await direct.query('SELECT * FROM changing WHERE id = $1', [1])).rows;
  for (let times = 0; times < 7; times++) expect(await read()).toEqual([{ id: 1, value: 7 }]);
  await direct.query('ALTER TABLE changing ALTER value TYPE text, ADD more int');
  expect(await read()).toEqual([{ id: 1, value: '7', more: null }]);
});

(hasPgBouncer ? test : test.skip)(
  'behind PgBouncer nothing is kept, and nothing is set for others',
  async () => {
    const bouncer = await startPrivatePgBouncer(home.connectionString);
    const pooled = open(bouncer.url);
    try {
      await askTwice(pooled);
      expect(await countKept(pooled)).toBe(0);
      expect(await setting(pooled)).toBe('on');
    } finally {
      await pooled.close();
      await bouncer.close();
    }
  },
);
