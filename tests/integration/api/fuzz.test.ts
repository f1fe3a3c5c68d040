import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Agent } from 'undici';
import { packageRoot } from '../../../shared/package-root.js';
import type { AnswerBody } from './answer-body.js';
import { createAnswerCheck } from './check-answer.js';
import { operationsOf, type FuzzRequest } from './fuzz-requests.js';
import { startApi, startTestApi, type TestApi } from './test-api.js';

/** Other requests: `FUZZ_SEED=7 npm test fuzz`, and more of them: `FUZZ_REQUESTS=100000`. */
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_105);
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 5_000);
const MOST_MS = 10_000;

let api: TestApi;
let agent: Agent;
beforeAll(async () => {
  api = await startTestApi({ auth: 'off', bodyLimit: 100_000 });
  agent = new Agent({ connections: 4, headersTimeout: MOST_MS, bodyTimeout: MOST_MS });
  // Something to find, in every status.
  await api.sql(
    `INSERT INTO jobs (job_type, status) SELECT 'a', status FROM unnest(enum_range(NULL::job_status)) status, generate_series(1, 4)`,
  );
  await api.sql(
    `INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, attempts, reason, fingerprint)
     SELECT id, queue, job_type, payload, 1, 'permanent', 'f' FROM jobs WHERE status = 'failed'`,
  );
});
afterAll(async () => {
  await agent.close();
  await api.close();
});

interface FuzzAnswer {
  readonly status: number;
  /** Undefined: no JSON. */
  readonly body: AnswerBody | undefined;
  readonly text: string;
}

async function send({ method, path, headers, body }: FuzzRequest, origin = api.url): Promise<FuzzAnswer> {
  const answer = await agent.request({
    origin,
    method,
    path,
    headers,
    body: body ?? null,
    signal: AbortSignal.timeout(MOST_MS),
  });
  const type = String(answer.headers['content-type'] ?? '');
  if (type.startsWith('text/event-stream')) {
    // It would go on until its job ends.
    answer.body.on('error', () => undefined).destroy();
    return { status: answer.statusCode, body: undefined, text: '' };
  }
  const text = await answer.body.text();
  const isJson = type.startsWith('application/json') && text !== '';
  return { status: answer.statusCode, text, body: isJson ? (JSON.parse(text) as AnswerBody) : undefined };
}

/** Of stacks, files, and what is behind the API. */
const LEAKS = [
  /\\n +at /,
  /node_modules|node:internal/,
  /\.[cm]?[jt]s:\d+/,
  /postgres(ql)?:\/\/|ECONN|SELECT .* FROM|syntax error/,
  new RegExp(packageRoot.replaceAll(/[.\\]/g, '\\$&')),
];
/** They follow the name of the field. A library that nobody has told otherwise begins with a capital. */
const OUR_WORDS = /^[a-z]/;

type AnswerCheck = ReturnType<typeof createAnswerCheck>;

function judge(check: AnswerCheck, { method, path }: FuzzRequest, { status, body, text }: FuzzAnswer): void {
  if (status >= 500) throw new Error(`${status}: ${text}`);
  const leak = LEAKS.find((pattern) => pattern.test(text));
  if (leak) throw new Error(`${leak.source} is in ${text}`);
  if (body) check(method, path, status, body);
  if (status < 400 || method === 'HEAD') return;
  expect(body).toMatchObject({
    success: false,
    error: expect.stringMatching(/./),
    code: expect.stringMatching(/^[a-z_]+$/),
    request_id: expect.stringMatching(/./),
  });
  if (body?.code !== 'validation_failed') return;
  expect(body.details.length).toBeGreaterThan(0);
  for (const { field, problem } of body.details) {
    if (field === '' || !OUR_WORDS.test(problem)) throw new Error(`"${field}" ${problem}`);
  }
}

test(`${REQUESTS} requests, over every operation, are answered as the document says, and none breaks anything`, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  const check = createAnswerCheck(api.document);
  const operations = operationsOf(api.document);
  const numRuns = Math.ceil(REQUESTS / operations.length);
  const statuses = new Map<string, Set<number>>();
  let requests = 0;
  for (const { name, requests: arbitrary } of operations) {
    const seen = new Set<number>();
    statuses.set(name, seen);
    const property = fc.asyncProperty(arbitrary, async (request) => {
      requests++;
      const answer = await send(request);
      seen.add(answer.status);
      judge(check, request, answer);
    });
    await fc.assert(property, { numRuns, seed: SEED }).catch((error: unknown) => {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    });
  }
  expect(requests).toBeGreaterThanOrEqual(REQUESTS);
  // Otherwise it would prove nothing: what fits arrives, and what does not is noticed.
  const names = [...statuses.keys()].filter((name) => name !== 'no operation');
  const without = (isMeant: (status: number) => boolean) =>
    names.filter((name) => ![...statuses.get(name)!].some(isMeant));
  const withInput = names.filter((name) => /\{|^(POST|PUT|PATCH)/.test(name));
  expect(without((status) => status < 300).length).toBeLessThan(names.length / 4);
  expect(without((status) => status >= 400).filter((name) => withInput.includes(name))).toEqual([]);
  expect((await api.get('/health/ready')).status).toBe(200);
}, 180_000);

test('whatever is sent in the place of a key, nobody gets in and nothing breaks', async () => {
  const closed = await startApi(api.installation, { auth: 'required' });
  const operations = operationsOf(closed.document);
  const check = createAnswerCheck(closed.document);
  const property = fc.asyncProperty(fc.oneof(...operations.map((one) => one.requests)), async (request) => {
    const { status, body } = await send(request, closed.url);
    // Of the routes that are not public, only whether the address can be read is known to strangers.
    const isPublic = /^\/($|health|api-docs)/.test(request.path);
    if (!isPublic) expect([400, 401, 404, 405]).toContain(status);
    if (status === 400 && body) expect(body.details[0]?.field).toBe('url');
    if (body) check(request.method, request.path, status, body);
  });
  await fc.assert(property, { numRuns: 500, seed: SEED }).finally(() => closed.stop());
});
