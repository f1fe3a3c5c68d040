import type { Client } from 'holdfast';
import type { ApiClient } from './api-client.js';
import { chargeCard, encodeVideo, makeThumbnail, yearReport } from './demo-jobs.js';
import type { SampleFile } from './sample-files.js';
import { submitWorkflow } from './workflow-jobs.js';

/** How a job ends. */
export type End = 'completed' | 'dead letter' | 'cancelled';

/** A submitted job and the end it should reach. */
export interface PlannedJob {
  readonly id: number;
  readonly expected: End;
  /** Said with an end that looks like a failure and is none. */
  readonly why?: string;
}

export interface Mix {
  readonly jobs: PlannedJob[];
  /** The job that is retried most often. */
  readonly storyId: number;
  /** The job whose result is the most to look at. */
  readonly sampleId: number;
  /** The last job of the workflow. */
  readonly totalId: number;
  readonly scheduledId: number;
  readonly toCancelId: number;
}

export interface MixOptions {
  readonly api: ApiClient;
  readonly client: Client;
  readonly queue: string;
  readonly files: readonly SampleFile[];
  readonly httpUrl: string;
}

const CITIES = ['Berlin', 'Lisbon', 'Oslo', 'São Paulo', 'Hanoi', 'Lagos', 'Quito', 'Osaka', 'Pune', 'Perth'];
const SOON_MS = 3_000;

/** Submits the jobs of the demo, most through the HTTP API, some by the library. */
export async function submitMix(options: MixOptions): Promise<Mix> {
  const { api, queue } = options;
  const jobs: PlannedJob[] = [];
  const post: Post = async (jobType, payload, { expected = 'completed', why, ...rest } = {}) => {
    const id = await api.submit({ job_type: jobType, payload, queue, tags: ['demo'], ...rest });
    jobs.push({ id, expected, ...(why === undefined ? {} : { why }) });
    return id;
  };

  const toCancelId = await post(yearReport.type, { year: 2025 }, CANCELLED);
  await post(encodeVideo.type, { title: 'Holiday', seconds: 7 }, { priority: 90 });
  const scheduled_at = new Date(Date.now() + SOON_MS).toISOString();
  const scheduledId = await post(makeThumbnail.type, { image: 'later.jpg', width: 320 }, { scheduled_at });
  await submitFailures(post);
  const sampleId = await submitFiles(post, options);
  const storyId = await submitCalls(post, options.httpUrl);
  await submitMails(post);
  const totalId = await submitWorkflow((jobType, payload, dependsOn) =>
    post(jobType, payload, { depends_on: dependsOn }),
  );
  jobs.push(...(await submitThumbnails(options)));
  return { jobs, storyId, sampleId, totalId, scheduledId, toCancelId };
}

interface PostOptions extends Record<string, unknown> {
  readonly expected?: End;
  readonly why?: string;
}
const CANCELLED: PostOptions = {
  expected: 'cancelled',
  why: 'the demo cancels it while it runs',
  priority: 90,
};
const UNLUCKY: PostOptions = {
  expected: 'dead letter',
  why: 'its provider never answers, so it runs out of retries',
  max_retries: 2,
};
const MISTAKEN: PostOptions = {
  expected: 'dead letter',
  why: 'its payload does not fit the schema, so no retry can help',
};
type Post = (jobType: string, payload: object, options?: PostOptions) => Promise<number>;

async function submitFailures(post: Post): Promise<void> {
  await post(chargeCard.type, { order: 1_041, amount: 99.5 }, UNLUCKY);
  await post(makeThumbnail.type, { image: 'wide.jpg', width: 'very wide' }, MISTAKEN);
}

/** Each file whole, over HTTP, and some columns of it. Returns the job with the most to show. */
async function submitFiles(post: Post, { files, httpUrl }: MixOptions): Promise<number> {
  let sampleId: number | undefined;
  for (const { name, delimiter, someColumns } of files) {
    const id = await post('data_processing', { source: { path: name }, delimiter });
    sampleId ??= id;
    await post('data_processing', { source: { url: `${httpUrl}/files/${name}` }, delimiter });
    await post('data_processing', { source: { path: name }, delimiter, columns: someColumns });
  }
  return sampleId ?? 0;
}

/** Ten that work, three orders, four that are turned away at first. Returns the one that tries most often. */
async function submitCalls(post: Post, httpUrl: string): Promise<number> {
  for (const city of CITIES) {
    await post('http_request', { url: `${httpUrl}/weather/${encodeURIComponent(city)}` });
  }
  for (const order of [1_042, 1_043, 1_044]) {
    await post('http_request', { method: 'POST', url: `${httpUrl}/orders`, body: { order, items: 2 } });
  }
  for (const name of ['prices', 'rates', 'tariffs']) {
    await post('http_request', { url: `${httpUrl}/flaky/${name}?failures=1` });
  }
  return post('http_request', { url: `${httpUrl}/flaky/stock?failures=2` });
}

async function submitMails(post: Post): Promise<void> {
  const people = 'ada grace edsger barbara donald radia leslie frances tony greylisted'.split(' ');
  for (const [index, name] of people.entries()) {
    const order = 1_042 + index;
    await post('email_notification', {
      to: `${name}@example.com`,
      subject: `Your order ${order} has been shipped`,
      text: `Dear ${name},\n\norder ${order} is on its way.\n`,
      html: `<p>Dear ${name},</p><p>order <b>${order}</b> is on its way.</p>`,
    });
  }
}

/** By the library: the payload's type is checked by the compiler. */
async function submitThumbnails({ client, queue }: MixOptions): Promise<PlannedJob[]> {
  const payloads = [120, 160, 240, 320, 480, 640, 1_280, 2_560].map((width) => ({
    image: 'harbour.jpg',
    width,
  }));
  const [first, ...others] = payloads;
  const one = first ? [await client.submit(makeThumbnail, first, { queue, tags: ['demo'] })] : [];
  const many = await client.submitMany(makeThumbnail, others, { queue, tags: ['demo'] });
  return [...one, ...many].map(({ id }) => ({ id, expected: 'completed' }));
}
