import { stat } from 'node:fs/promises';
import type { ApiClient } from '../../client/api-client.js';
import { ApiError } from '../../client/api-error.js';
import type { ClientOptions } from '../../client/client-options.js';
import { isRefused, patiently } from '../../client/patiently.js';
import { withClient } from '../../client/with-client.js';
import { CommandFailure, exitCodeOf } from '../../failure.js';
import { messageOf } from '../../../shared/errors.js';
import { printJson, printLine } from '../../output/print.js';
import { showProgress } from '../../output/progress.js';
import { countOf, grouped, harmless } from '../../output/text.js';
import { chunked, type Chunk } from './chunk-lines.js';
import { chooseFormat, readBatch, type BatchFormat, type BatchLine } from './read-batch.js';

export interface BatchOptions extends ClientOptions {
  readonly batch: string;
  readonly format?: string;
  readonly fromLine?: number;
  readonly idempotencyKey?: string;
}

type Job = Readonly<Record<string, unknown>>;

/**
 * Submits a file, chunk by chunk, each all or none. A file is read through before: a fault in its last line is found before
 * its first one is submitted.
 */
export async function submitBatch(options: BatchOptions, defaults: Job): Promise<void> {
  const { batch, json } = options;
  const format = chooseFormat(batch, options.format);
  const total = (await canBeReadTwice(batch)) ? await countLines(batch, format, options) : undefined;
  await withClient(options, async (client) => {
    const progress = await showProgress('Submit', total ?? 0);
    const ids: number[] = [];
    try {
      for await (const chunk of chunked(readLines(batch, format, options, defaults))) {
        ids.push(...(await submitChunk(client, chunk, ids.length, options)));
        progress.advance(chunk.jobs.length);
      }
    } finally {
      progress.end();
    }
    if (json) return printJson({ success: true, job_ids: ids });
    const [first, last] = [ids[0], ids.at(-1)];
    printLine(
      ids.length === 0 ? 'no jobs in it' : `${countOf(ids.length, 'job')} submitted: ${first} to ${last}`,
    );
  });
}

/** What comes through a pipe can not. Whether there is such a file is found out when it is read. */
async function canBeReadTwice(batch: string): Promise<boolean> {
  if (batch === '-') return false;
  return stat(batch).then(
    (found) => found.isFile(),
    () => true,
  );
}

async function countLines(file: string, format: BatchFormat, options: BatchOptions): Promise<number> {
  let count = 0;
  for await (const { line } of readBatch(file, format)) if (line >= (options.fromLine ?? 1)) count += 1;
  return count;
}

/** The jobs to submit: what a line leaves open, the options say. */
async function* readLines(
  file: string,
  format: BatchFormat,
  { fromLine = 1, idempotencyKey }: BatchOptions,
  defaults: Job,
): AsyncGenerator<BatchLine, void> {
  for await (const { line, job } of readBatch(file, format)) {
    if (line < fromLine) continue;
    const key = idempotencyKey === undefined ? {} : { idempotency_key: `${idempotencyKey}:${line}` };
    yield { line, job: { payload: {}, ...given(defaults), ...key, ...job } };
  }
}

const given = (job: Job): Job =>
  Object.fromEntries(Object.entries(job).filter(([, value]) => value !== undefined));

async function submitChunk(
  client: ApiClient,
  { jobs, lines }: Chunk,
  submitted: number,
  { idempotencyKey }: BatchOptions,
): Promise<readonly number[]> {
  try {
    const answer = await patiently(() => client.post<{ job_ids: number[] }>('/api/jobs/batch', { jobs }));
    return answer.job_ids;
  } catch (error) {
    const advice = adviseAfter(error, {
      from: lines[0] ?? 0,
      to: lines.at(-1) ?? 0,
      submitted,
      isRepeatable: idempotencyKey !== undefined,
    });
    throw new CommandFailure(exitCodeOf(error), `${namingLines(error, lines)}\n${advice}`, { cause: error });
  }
}

/** `jobs.7.priority` of a chunk is a field of a line of the file. */
function namingLines(error: unknown, lines: readonly number[]): string {
  const text = messageOf(error);
  if (!(error instanceof ApiError)) return text;
  return harmless(text).replace(
    /\bjobs\.(\d+)\./g,
    (_all, index: string) => `line ${lines[Number(index)]}: `,
  );
}

interface StoppedAt {
  readonly from: number;
  readonly to: number;
  /** Jobs of the lines before. */
  readonly submitted: number;
  readonly isRepeatable: boolean;
}

function adviseAfter(error: unknown, { from, to, submitted, isRepeatable }: StoppedAt): string {
  const before = submitted > 0 ? `the ${countOf(submitted, 'job')} of the lines before are submitted; ` : '';
  if (isRepeatable) return `${before}run the same command again: no line is submitted twice`;
  if (!isRefused(error))
    return (
      `${before}lines ${grouped(from)} to ${grouped(to)} may be, all or none: look for them, then go on with --from-line; with ` +
      '--idempotency-key a batch can be repeated as a whole'
    );
  if (submitted === 0) return 'nothing was submitted';
  return `${before}when that is put right, go on with --from-line ${from}`;
}
