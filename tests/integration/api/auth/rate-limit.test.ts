import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openInstallation, type Installation } from '../../../../shared/installation.js';
import { createKey } from '../../../../shared/keys/create-key.js';
import { eventually } from '../../../support/eventually.js';
import { startProxyTo, type TcpProxy } from '../../../support/tcp-proxy.js';
import {
  createTestInstallation,
  hasRedis,
  type TestInstallation,
} from '../../../support/test-installation.js';
import { startApi, type ApiServer } from '../test-api.js';
import { bearer } from './test-keys.js';

const RATE = { max: 10, windowMs: 60_000 };

let db: TestInstallation;
beforeAll(async () => {
  db = await createTestInstallation();
});
afterAll(() => db.close());

let made = 0;
const newKey = async (installation: Installation = db.installation) =>
  bearer((await createKey(installation, { name: `key-${++made}`, role: 'viewer' })).secret);

/** How many of so many requests are let through. */
async function passes(api: ApiServer, headers: Record<string, string>, requests = 25): Promise<number> {
  let passed = 0;
  for (let n = 0; n < requests; n++) {
    const { status } = await api.get('/api/jobs?limit=1', headers);
    if (status === 200) passed++;
    else expect(status).toBe(429);
  }
  return passed;
}

describe('without Redis', () => {
  test('each address has its share, where no key is asked for; probes have no limit', async () => {
    const api = await startApi({ ...db.installation, lanes: null }, { auth: 'off', rateLimit: RATE });
    expect(await passes(api, {})).toBe(10);
    const refused = await api.get('/api/jobs');
    expect(refused).toMatchObject({
      status: 429,
      body: {
        success: false,
        code: 'rate_limited',
        error: expect.stringMatching(
          /^more than 10 requests in 60 s \(API_RATE_LIMIT\): try again in \d+ s$/,
        ),
        request_id: refused.headers['x-request-id'],
      },
    });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(refused.headers['x-ratelimit-limit']).toBe('10');
    expect(refused.headers['x-content-type-options']).toBe('nosniff');
    for (let n = 0; n < 30; n++) expect((await api.get('/health/live')).status).toBe(200);
    await api.stop();
  });

  test('another window begins when this one ends', async () => {
    const rateLimit = { max: 2, windowMs: 2_000 };
    const api = await startApi({ ...db.installation, lanes: null }, { auth: 'off', rateLimit });
    expect(await passes(api, {}, 3)).toBe(2);
    await eventually('the next window', async () => (await api.get('/api/jobs')).status === 200);
    await api.stop();
  });
});

const describeWithRedis = hasRedis ? describe : describe.skip;

describeWithRedis('with Redis', () => {
  test('processes count together, each key for itself', async () => {
    const apis = [
      await startApi(db.installation, { rateLimit: RATE }),
      await startApi(db.installation, { rateLimit: RATE }),
    ] as const;
    const [one, other] = [await newKey(), await newKey()];
    expect(await passes(apis[0], one, 7)).toBe(7);
    expect(await passes(apis[1], one)).toBe(3);
    expect(await passes(apis[1], other)).toBe(10);
    expect(await passes(apis[0], other)).toBe(0);
    for (const api of apis) await api.stop();
  });

  test('the counts go by themselves', async () => {
    const api = await startApi(db.installation, { rateLimit: RATE });
    await api.get('/api/jobs', await newKey());
    await api.stop();
    const { connection } = db.installation.lanes!;
    const keys = await connection.keys(`job:{${db.installation.id}:rate:*`);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      const leftMs = await connection.pttl(key);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(RATE.windowMs);
    }
  });

  describe('on a wire that can be cut', () => {
    let proxy: TcpProxy & { readonly url: string };
    let installation: Installation;
    let api: ApiServer;
    beforeAll(async () => {
      proxy = await startProxyTo(db.redisUrl!);
      installation = await openInstallation({
        postgres: { connectionString: db.connectionString },
        redis: { url: proxy.url },
      });
      api = await startApi(installation, { rateLimit: RATE });
    });
    afterAll(async () => {
      await api.stop();
      await installation.close();
      await proxy.close();
    });

    test('the process counts for itself while Redis is away, and together again when it is back', async () => {
      const key = await newKey(installation);
      expect(await passes(api, key, 4)).toBe(4);
      proxy.refuse();
      proxy.cut();
      expect(await passes(api, key)).toBe(10);
      proxy.accept();
      await eventually(
        'the count in Redis goes on',
        async () => (await api.get('/api/jobs', key)).status === 200,
      );
    });

    test('a Redis that says nothing delays a request by a moment, not by a timeout', async () => {
      const key = await newKey(installation);
      expect(await passes(api, key, 1)).toBe(1);
      proxy.freezeExisting();
      const since = performance.now();
      expect((await api.get('/api/jobs', key)).status).toBe(200);
      expect(performance.now() - since).toBeLessThan(2_500);
      proxy.cut();
    });
  });
});
