import { stat } from 'node:fs/promises';
import { withClient } from '../../client/with-client.js';
import { Interruption } from '../../interruption.js';
import { printJson, printLine } from '../../output/print.js';
import { showProgress, type Progress } from '../../output/progress.js';
import { countOf, grouped } from '../../output/text.js';
import { adviseInterrupted } from './batch-advice.js';
import { chunked, type Chunk } from './chunk-lines.js';
import { chooseFormat, readBatch, type BatchFormat, type BatchLine } from './read-batch.js';
import { standOf, submitChunk, type Batch, type BatchOptions, type Done } from './submit-chunk.js';

type Job = Readonly<Record<string, unknown>>;

/**
 * Submits a file, chunk by chunk, each all or none. A file is read through before: a fault in its last line is found before
 * its first one is submitted.
 *
 * @throws BadInput for what the file says wrong
 * @throws CommandFailure with what to do next, when a chunk fails or a signal stops it between two of them
 */
export async function submitBatch(options: BatchOptions, defaults: Job): Promise<void> {
  const { batch, json } = options;
  const format = chooseFormat(batch, options.format);
  const interruption = new Interruption();
  const counting = canBeReadTwice(batch).then((can) =>
    can ? countLines(batch, format, options) : undefined,
  );
  const total = await interruption.orCome(counting);
  const done: Done = { ids: [], existing: 0, nextLine: options.fromLine ?? 1 };
  await withClient(options, async (client) => {
    const progress = await showProgress('Submit', total ?? 0);
    interruption.signal.addEventListener('abort', () => progress.end());
    const chunks = chunked(readLines(batch, format, options, defaults));
    try {
      await submitChunks(chunks, { options, client, interruption, done }, progress, total);
    } finally {
      progress.end();
    }
    if (json) printJson({ success: true, job_ids: done.ids, existing: done.existing });
    else printLine(describeDone(done));
  });
}

async function submitChunks(
  chunks: AsyncIterator<Chunk, void>,
  batch: Batch,
  progress: Progress,
  total: number | undefined,
): Promise<void> {
  const { options, interruption, done } = batch;
  for (;;) {
    const next = await interruption.orCome(chunks.next());
    // Interrupted after the last line it has nothing left to stop.
    if (next?.done || (next === undefined && done.ids.length === total)) return;
    if (next === undefined) throw interruption.toFailure(adviseInterrupted(standOf(done, options)));
    const { job_ids: ids, existing = 0 } = await submitChunk(next.value, batch);
    done.ids.push(...ids);
    done.existing += existing;
    done.nextLine = (next.value.lines.at(-1) ?? 0) + 1;
    if (!interruption.signal.aborted) progress.advance(ids.length);
  }
}

function describeDone({ ids, existing }: Done): string {
  if (ids.length === 0) return 'no jobs in it';
  const which = `${ids[0]} to ${ids.at(-1)}`;
  if (existing === 0) return `${countOf(ids.length, 'job')} submitted: ${which}`;
  const there = `${grouped(existing)} ${existing === 1 ? 'was' : 'were'} there already`;
  return `${grouped(ids.length - existing)} submitted, ${there}: ${which}`;
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
