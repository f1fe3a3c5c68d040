import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { hasRedis } from '../support/test-installation.js';
import { startProxyTo } from '../support/tcp-proxy.js';

/** The bad network itself, between plain clients and the servers of the suite. */
describe('between a client and PostgreSQL', () => {
  const url = process.env.HOLDFAST_TEST_POSTGRES_URL ?? '';
  const direct = new pg.Client(url);
  const opened: pg.Client[] = [];
  let proxy: Awaited<ReturnType<typeof startProxyTo>>;
  beforeAll(async () => {
    await direct.connect();
    await direct.query('CREATE TABLE IF NOT EXISTS proxy_test (id int)');
    proxy = await startProxyTo(url);
  });
  afterEach(async () => {
    await direct.query('TRUNCATE proxy_test');
    proxy.cut();
    opened.length = 0;
  });
  afterAll(async () => {
    await proxy.close();
    await direct.query('DROP TABLE proxy_test');
    await direct.end();
  });

  const open = async (settings: pg.ClientConfig = {}): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: proxy.url, ...settings });
    client.on('error', () => undefined);
    opened.push(client);
    await client.connect();
    return client;
  };
  const stored = async () => (await direct.query('SELECT id FROM proxy_test')).rows as { id: number }[];
  /** Whether a promise has ended by now, without waiting for it. */
  const watch = (promise: Promise<unknown>) => {
    const state = { hasEnded: false };
    const end = () => (state.hasEnded = true);
    promise.then(end, end);
    return state;
  };

  test('it passes what is sent, also megabytes both ways', async () => {
    const client = await open();
    const text = 'x'.repeat(3_000_000);
    expect((await client.query('SELECT $1::text AS text', [text])).rows).toEqual([{ text }]);
    await client.end();
  });

  test('a dropped reply leaves the statement committed and its client without an answer, others untouched', async () => {
    const [client, other] = [await open(), await open()];
    const dropped = proxy.dropReplyTo('INSERT INTO proxy_test');
    // An answer of many packets: the cut must come after the last.
    const asked = client.query(`INSERT INTO proxy_test VALUES ($1) RETURNING repeat('x', 500000)`, [1]);
    await expect(asked).rejects.toThrow(/terminated|ECONNRESET/);
    await dropped;
    expect(await stored()).toEqual([{ id: 1 }]);
    await other.query('INSERT INTO proxy_test VALUES (2)');
    expect(await stored()).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test('a COMMIT whose reply is dropped is done', async () => {
    const client = await open();
    await client.query('BEGIN');
    await client.query('INSERT INTO proxy_test VALUES (1)');
    const dropped = proxy.dropReplyTo('COMMIT');
    await expect(client.query('COMMIT')).rejects.toThrow(/terminated|ECONNRESET/);
    await dropped;
    expect(await stored()).toEqual([{ id: 1 }]);
  });

  test('a drop that was called off drops nothing, nor does one of a text that was sent before', async () => {
    const client = await open();
    const dropped = proxy.dropReplyTo('proxy_test');
    expect(() => proxy.dropReplyTo('another')).toThrow('one drop at a time');
    proxy.cancelDrop();
    await dropped;
    await client.query('SELECT 1 FROM proxy_test');
    void proxy.dropReplyTo('proxy_test');
    await client.query('SELECT 1');
    proxy.cancelDrop();
    await client.end();
  });

  test('a frozen connection gets no answer while new ones do, and the answer after the thaw', async () => {
    const frozen = await open();
    proxy.freezeExisting();
    const held = frozen.query('INSERT INTO proxy_test VALUES (1)');
    const state = watch(held);
    const fresh = await open();
    await fresh.query('INSERT INTO proxy_test VALUES (2)');
    expect(state.hasEnded).toBe(false);
    expect(await stored()).toEqual([{ id: 2 }]);
    proxy.thaw();
    await held;
    expect(await stored()).toEqual([{ id: 2 }, { id: 1 }]);
  });

  test('a server does not hear that a frozen client has gone', async () => {
    const client = await open();
    const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0] as { pid: number };
    proxy.freezeExisting();
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await (await open()).query('SELECT 1');
    const session = 'SELECT 1 FROM pg_stat_activity WHERE pid = $1';
    expect((await direct.query(session, [pid])).rows).toHaveLength(1);
  });

  test('while all is frozen a new connection waits for its first answer', async () => {
    proxy.freezeAll();
    await expect(open({ connectionTimeoutMillis: 100 })).rejects.toThrow(/timeout/);
    const connecting = open();
    proxy.thaw();
    await (await connecting).query('SELECT 1');
  });

  test('a cut breaks what is open, and what is refused does not open', async () => {
    const client = await open();
    const asked = client.query('SELECT pg_sleep(60)');
    proxy.cut();
    await expect(asked).rejects.toThrow(/terminated|ECONNRESET/);
    const kept = await open();
    proxy.refuse();
    await expect(open()).rejects.toThrow(/terminated|ECONNRESET/);
    await kept.query('SELECT 1');
    proxy.accept();
    await (await open()).query('SELECT 1');
  });
});

(hasRedis ? describe : describe.skip)('between a client and Redis', () => {
  test('a dropped reply leaves the command done, with those that were sent before it', async () => {
    const url = process.env.HOLDFAST_TEST_REDIS_URL ?? '';
    const proxy = await startProxyTo(url);
    const direct = new Redis(url);
    const client = new Redis(proxy.url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
    client.on('error', () => undefined);
    try {
      await new Promise((resolve) => client.once('ready', resolve));
      const dropped = proxy.dropReplyTo('proxy_test:second');
      const asked = [client.incr('proxy_test:first'), client.incr('proxy_test:second')];
      const answers = await Promise.allSettled(asked);
      await dropped;
      expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(await direct.mget('proxy_test:first', 'proxy_test:second')).toEqual(['1', '1']);
    } finally {
      if (client.status !== 'end') client.disconnect();
      await direct.unlink('proxy_test:first', 'proxy_test:second');
      await direct.quit();
      await proxy.close();
    }
  });
});
