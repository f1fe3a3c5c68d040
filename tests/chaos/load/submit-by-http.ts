import { setTimeout as wait } from 'node:timers/promises';
import { request } from 'undici';
import type { Member } from '../world/world.js';
import { draftJob, type Draft } from './mix.js';
import { repeat, type Submitter, type SubmitterContext } from './submitter.js';

interface SubmitAnswer {
  readonly job_id?: number;
  readonly job_ids?: number[];
  readonly code?: string;
}

/** Submits through the API processes: single jobs, every other one with an idempotency key, and batches. */
export function submitByHttp(context: SubmitterContext, everyMs: number): Submitter {
  const { world, promises, random } = context;
  const apis = world.members.filter(({ process }) => process.spec.role === 'api');
  const oneMore = async () => {
    const drafts = Array.from({ length: random.next() < 0.2 ? 10 : 1 }, () =>
      draftJob(promises.nextRef(), random),
    );
    await (drafts.length === 1 && random.next() < 0.5
      ? submitWithKey(context, drafts[0] as Draft, apis)
      : submitOnce(context, drafts, random.pick(apis)));
  };
  return repeat(everyMs, oneMore);
}

/** With a key it may be sent again until somebody answers. */
async function submitWithKey(
  context: SubmitterContext,
  draft: Draft,
  apis: readonly Member[],
): Promise<void> {
  const { promises, random } = context;
  const key = `key-${draft.payload.ref}`;
  promises.keys.add(key);
  for (let tries = 0; tries < 100; tries++) {
    const api = random.pick(apis);
    const { status, answer } = await post(api, '/api/jobs', toBody(draft), key);
    const answers = promises.answersOf(api.process.name);
    if (status === 201) answers.submitted++;
    else if (status !== 200) answers.maybeSubmitted++;
    if (status === 201 || status === 200) {
      promises.keep(answer.job_id as number, draft.payload.ref, draft.jobType);
      return;
    }
    await wait(200);
  }
}

async function submitOnce(
  { promises }: SubmitterContext,
  drafts: readonly Draft[],
  api: Member,
): Promise<void> {
  const [single] = drafts;
  const { status, answer } =
    drafts.length === 1
      ? await post(api, '/api/jobs', toBody(single as Draft))
      : await post(api, '/api/jobs/batch', { jobs: drafts.map(toBody) });
  if (status === 201) {
    const ids = answer.job_ids ?? [answer.job_id as number];
    drafts.forEach(({ payload, jobType }, index) =>
      promises.keep(ids[index] as number, payload.ref, jobType),
    );
    promises.answersOf(api.process.name).submitted += drafts.length;
  } else if (answer.code === 'postgres_unavailable') {
    // "Nothing was stored": that is a promise, too.
    for (const { payload } of drafts) promises.refused.add(payload.ref);
  } else promises.answersOf(api.process.name).maybeSubmitted += drafts.length;
}

const toBody = ({ jobType, payload, queue, priority, maxRetries, timeoutMs, delayMs }: Draft) => ({
  job_type: jobType,
  payload,
  queue,
  priority,
  max_retries: maxRetries,
  timeout_ms: timeoutMs,
  delay_ms: delayMs,
});

/** Status 0: no answer, and so no promise either way. */
async function post(
  api: Member,
  path: string,
  body: unknown,
  key?: string,
): Promise<{ status: number; answer: SubmitAnswer }> {
  try {
    const { statusCode, body: answer } = await request(`${api.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) },
      body: JSON.stringify(body),
      headersTimeout: 15_000,
      bodyTimeout: 15_000,
    });
    return { status: statusCode, answer: (await answer.json()) as SubmitAnswer };
  } catch {
    return { status: 0, answer: {} };
  }
}
