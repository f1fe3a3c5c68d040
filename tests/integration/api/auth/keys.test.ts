import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KeyRing } from '../../../../api/auth/key-ring.js';
import { createKey } from '../../../../shared/keys/create-key.js';
import { revokeKey } from '../../../../shared/keys/revoke-key.js';
import { eventually } from '../../../support/eventually.js';
import { withQuery } from '../../../support/spied-queries.js';
import { startTestApi, type TestApi } from '../test-api.js';
import { bearer, expire } from './test-keys.js';

let api: TestApi;
let admin: Record<string, string>;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
  const { secret } = await createKey(api.installation, { name: 'admin', role: 'admin' });
  admin = bearer(secret);
});
afterAll(() => api.close());

const create = (body: object) => api.post('/api/keys', body, admin);
const rowOf = async (id: number) =>
  (await api.sql<Record<string, unknown>>('SELECT * FROM api_keys WHERE id = $1', [id]))[0]!;

describe('POST /api/keys', () => {
  test('answers 201 with the key and its secret, which works at once in either header', async () => {
    const { status, headers, body } = await create({ name: 'ci', role: 'submitter' });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toEqual({
      success: true,
      secret: expect.stringMatching(/^hf_[0-9a-f]{12}_[\w-]{43}$/),
      key: {
        id: expect.any(Number),
        name: 'ci',
        role: 'submitter',
        prefix: body.secret.slice(0, 15),
        created_at: expect.any(String),
        last_used_at: null,
        expires_at: null,
        revoked_at: null,
      },
    });
    expect((await api.get('/api/jobs', bearer(body.secret))).status).toBe(200);
    expect((await api.get('/api/jobs', { 'x-api-key': body.secret })).status).toBe(200);
    expect((await api.get('/api/jobs', { authorization: `bearer  ${body.secret}` })).status).toBe(200);
  });

  test('no two secrets are alike, and none is kept', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, n) => create({ name: `many-${n}`, role: 'viewer' })),
    );
    const secrets = made.map(({ body }) => body.secret);
    expect(new Set(secrets.map((secret) => secret.slice(16))).size).toBe(20);
    const dump = JSON.stringify(
      await api.sql(`SELECT k.*, encode(secret_hash, 'escape') AS hash FROM api_keys k`),
    );
    for (const secret of secrets) expect(dump).not.toContain(secret.slice(16));
  });

  test('bad input names its field', async () => {
    const key = { name: 'bad', role: 'viewer' };
    for (const [change, field] of [
      [{ name: undefined }, 'name'],
      [{ name: '' }, 'name'],
      [{ name: 'two words' }, 'name'],
      [{ name: 'x'.repeat(101) }, 'name'],
      [{ name: 7 }, 'name'],
      [{ role: undefined }, 'role'],
      [{ role: 'root' }, 'role'],
      [{ expires_at: 'soon' }, 'expires_at'],
      [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
      [{ secret: 'mine' }, 'secret'],
    ] as const) {
      const { status, body } = await create({ ...key, ...change });
      expect([status, body.code, body.details.map((one) => one.field)]).toEqual([
        400,
        'validation_failed',
        [field],
      ]);
    }
    expect((await create({ ...key, role: 'root' })).body.error).toBe(
      'role: must be one of viewer, submitter, operator, admin',
    );
  });

  test('a name that another key has is 409 until that one is revoked', async () => {
    const first = await create({ name: 'unique', role: 'viewer' });
    expect(await create({ name: 'unique', role: 'admin' })).toMatchObject({
      status: 409,
      body: { code: 'key_exists' },
    });
    await api.delete(`/api/keys/${first.body.key.id}`, admin);
    expect((await create({ name: 'unique', role: 'admin' })).status).toBe(201);
  });
});

describe('GET /api/keys', () => {
  test('lists all of them, a page at a time, and no secret', async () => {
    const all = (await api.get('/api/keys?limit=1000', admin)).body.keys;
    const ids: number[] = [];
    for (let cursor: number | null | undefined; cursor !== null;) {
      const query: string = cursor === undefined ? '' : `&cursor=${cursor}`;
      const { body, text } = await api.get(`/api/keys?limit=3${query}`, admin);
      expect(text).not.toContain('secret');
      ids.push(...body.keys.map(({ id }) => id));
      cursor = body.pagination.next_cursor;
      expect(body.pagination.has_more).toBe(cursor !== null);
    }
    expect(ids).toEqual(all.map(({ id }) => id));
    expect(ids.length).toBeGreaterThan(20);
  });
});

describe('DELETE /api/keys/:id', () => {
  test('ends a key at once, says so to its holder, and a second time changes nothing', async () => {
    const { key, secret } = (await create({ name: 'leaver', role: 'viewer' })).body;
    expect((await api.get('/api/jobs', bearer(secret))).status).toBe(200);
    const revoked = await api.delete(`/api/keys/${key.id}`, admin);
    expect([revoked.status, revoked.text]).toEqual([200, expect.stringContaining('leaver')]);
    const refused = await api.get('/api/jobs', bearer(secret));
    expect(refused).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated', error: 'the API key was revoked' },
    });
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="holdfast"');
    const { revoked_at: at } = await rowOf(key.id);
    expect((await api.delete(`/api/keys/${key.id}`, admin)).status).toBe(200);
    expect((await rowOf(key.id)).revoked_at).toEqual(at);
  });

  test('of a key that does not exist is 404', async () => {
    expect(await api.delete('/api/keys/999999', admin)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });
});

test('what was revoked behind the process’s back is refused within seconds', async () => {
  const { key, secret } = (await create({ name: 'elsewhere', role: 'viewer' })).body;
  expect((await api.get('/api/jobs', bearer(secret))).status).toBe(200);
  await api.sql('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [key.id]);
  const since = Date.now();
  await eventually('it is refused', async () => (await api.get('/api/jobs', bearer(secret))).status === 401);
  expect(Date.now() - since).toBeLessThan(10_000);
});

test('a key that is revoked while it is looked up is not known afterwards', async () => {
  const { key, secret } = (await create({ name: 'raced', role: 'viewer' })).body;
  let isRevoked = false;
  const db = withQuery(api.installation.db, async (run, text, values) => {
    const answer = await run(text, values);
    if (!text.includes('api_keys') || isRevoked) return answer;
    isRevoked = true;
    await revokeKey(api.installation, key.id);
    return answer;
  });
  const ring = new KeyRing({ ...api.installation, db });
  await expect(Promise.resolve(ring.identify(secret))).rejects.toMatchObject({ code: 'unauthenticated' });
  await ring.close();
});

test('a key ends at its time, also one that is known by heart', async () => {
  const soon = new Date(Date.now() + 8_000).toISOString();
  const { secret } = (await create({ name: 'brief', role: 'viewer', expires_at: soon })).body;
  expect((await api.get('/api/jobs', bearer(secret))).status).toBe(200);
  const refused = await eventually('it has expired', async () => {
    const answer = await api.get('/api/jobs', bearer(secret));
    return answer.status === 401 && answer;
  });
  expect(refused.body.error).toBe('the API key has expired');
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon));
});

test('an expired key is told so only with its secret', async () => {
  const { key, secret } = (await create({ name: 'told', role: 'viewer' })).body;
  await expire(api.installation, key.id);
  expect((await api.get('/api/jobs', bearer(secret))).body.error).toBe('the API key has expired');
  const guess = `${key.prefix}_${'A'.repeat(43)}`;
  expect((await api.get('/api/jobs', bearer(guess))).body.error).toBe('the API key is not valid');
});

test('when a key was last used is recorded, once a minute and not by the request itself', async () => {
  const { key, secret } = (await create({ name: 'used', role: 'viewer' })).body;
  await api.get('/api/jobs', bearer(secret));
  const at = await eventually('the use is recorded', async () => (await rowOf(key.id)).last_used_at);
  const writes = async () =>
    (await api.sql<{ xmin: string }>('SELECT xmin FROM api_keys WHERE id = $1', [key.id]))[0]!.xmin;
  const before = await writes();
  for (let n = 0; n < 50; n++) await api.get('/api/jobs', bearer(secret));
  // The next key's use is recorded after whatever this one's would have been.
  const other = (await create({ name: 'used-later', role: 'viewer' })).body;
  await api.get('/api/jobs', bearer(other.secret));
  await eventually('the other use is recorded', async () => (await rowOf(other.key.id)).last_used_at);
  expect(await writes()).toBe(before);
  expect((await rowOf(key.id)).last_used_at).toEqual(at);
});

describe('the author of a job', () => {
  const JOB = { job_type: 'greet', payload: {} };
  const authorOf = async (id: number) =>
    (await api.sql('SELECT created_by FROM jobs WHERE id = $1', [id]))[0]!.created_by;

  test('is the name of the key that submitted it, unless it names another', async () => {
    const headers = bearer((await create({ name: 'billing', role: 'submitter' })).body.secret);
    const one = await api.post('/api/jobs', JOB, headers);
    const other = await api.post('/api/jobs', { ...JOB, created_by: 'ada' }, headers);
    const batch = await api.post('/api/jobs/batch', { jobs: [JOB, { ...JOB, created_by: 'ada' }] }, headers);
    expect(await authorOf(one.body.job_id)).toBe('billing');
    expect(await authorOf(other.body.job_id)).toBe('ada');
    expect(await Promise.all(batch.body.job_ids.map(authorOf))).toEqual(['billing', 'ada']);
  });
});
