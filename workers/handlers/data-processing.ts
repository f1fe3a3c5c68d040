import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { z } from 'zod';
import { defineJob } from '../../shared/jobs/define-job.js';
import { PermanentError } from '../../shared/jobs/job-errors.js';
import { ByteMeter } from './byte-meter.js';
import type { ColumnSummary } from './column-statistics.js';
import { malformedError, parserOptions, TableStatistics, type RowOptions } from './csv-rows.js';
import { openPath, openUrl, type CsvSource } from './csv-source.js';
import { decoded, isEncoding } from './csv-text.js';
import type { GuardedHttp } from './guarded-http.js';

export interface DataProcessingSettings {
  /** The directory whose files jobs may read. Without it jobs read URLs only. */
  readonly allowedDirectory?: string | undefined;
  /** How large a document may be, in bytes. Default 21,474,836,480 (20 GiB). */
  readonly maxBytes?: number | undefined;
  /** How long a server may be silent, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number | undefined;
}

const source = z.union([
  z.strictObject({ path: z.string().min(1).max(4_096) }),
  z.strictObject({
    url: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' }).max(4_096),
  }),
]);

const payload = z.strictObject({
  source,
  delimiter: z
    .string()
    .min(1)
    .max(8)
    .regex(/^[^"\r\n]+$/, 'cannot be a quote or the end of a line')
    .default(','),
  has_header: z.boolean().default(true),
  /** Any name a browser knows, such as utf-8, windows-1252 or utf-16le. */
  encoding: z.string().max(40).refine(isEncoding, 'is not a known encoding').default('utf-8'),
  /** Stop after so many rows. */
  max_rows: z.int().min(1).optional(),
  /** Names of the columns wanted, `column_1` and so on without a header. */
  columns: z.array(z.string().min(1)).min(1).max(2_000).optional(),
  /** How many rows with too few or too many columns are only counted. */
  max_irregular_rows: z.int().min(0).default(1_000),
});

type Payload = z.output<typeof payload>;

export interface DataProcessingResult {
  source: string;
  rows: number;
  bytes_read: number;
  /** Whether `max_rows` ended the reading. */
  truncated: boolean;
  rows_too_short: number;
  rows_too_long: number;
  first_irregular_row: number | null;
  columns: ColumnSummary[];
  duration_ms: number;
}

/** Reads a CSV of any size as a stream and gives statistics of each column. */
export function dataProcessingJob(
  settings: DataProcessingSettings,
  http: GuardedHttp,
  maxResultBytes: number,
) {
  return defineJob({
    type: 'data_processing',
    payload,
    timeoutMs: 3_600_000,
    async run(request, ctx): Promise<DataProcessingResult> {
      ctx.signal.throwIfAborted();
      const startedAt = performance.now();
      const csv =
        'path' in request.source
          ? await openPath(request.source.path, settings.allowedDirectory)
          : await openUrl(request.source.url, http, settings.idleTimeoutMs ?? 30_000, ctx.signal);
      const meter = new ByteMeter(csv, settings.maxBytes ?? 21_474_836_480, (percent) =>
        ctx.progress(percent),
      );
      const { table, isTruncated } = await readTable(csv, meter, request, ctx.signal);
      return fitInto(maxResultBytes, {
        source: csv.label,
        rows: table.rows,
        bytes_read: meter.bytes,
        truncated: isTruncated,
        rows_too_short: table.rowsTooShort,
        rows_too_long: table.rowsTooLong,
        first_irregular_row: table.firstIrregularRow,
        columns: table.summaries(),
        duration_ms: Math.round(performance.now() - startedAt),
      });
    },
  });
}

/** A file of very many columns was read to its end: its size must not fail the job. What is left out can be asked for by `columns`. */
function fitInto(mostBytes: number, result: DataProcessingResult): DataProcessingResult {
  if (Buffer.byteLength(JSON.stringify(result)) <= mostBytes) return result;
  return { ...result, columns: result.columns.map((column) => ({ ...column, top_values: [] })) };
}

async function readTable(
  csv: CsvSource,
  meter: ByteMeter,
  request: Payload,
  signal: AbortSignal,
): Promise<{ table: TableStatistics; isTruncated: boolean }> {
  const options: RowOptions = {
    delimiter: request.delimiter,
    hasHeader: request.has_header,
    maxIrregularRows: request.max_irregular_rows,
    columns: request.columns,
  };
  const table = new TableStatistics(options);
  const maxRows = request.max_rows ?? Infinity;
  let isTruncated = false;
  const takeRows = async (rows: AsyncIterable<string[]>): Promise<void> => {
    for await (const row of rows) {
      isTruncated = table.rows >= maxRows;
      if (isTruncated) return;
      table.add(row);
    }
  };
  try {
    await pipeline(
      csv.stream,
      (chunks: AsyncIterable<Buffer>) => meter.measure(chunks),
      (chunks: AsyncIterable<Buffer>) => decoded(chunks, request.encoding),
      parse(parserOptions(options)),
      takeRows,
      { signal },
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // Leaving the rows early destroys the parser and the source, which the pipeline takes for a failure.
    if (isTruncated) return { table, isTruncated };
    if (error instanceof PermanentError) throw error;
    throw error instanceof CsvError ? malformedError(error, options) : csv.readError(error);
  }
  return { table, isTruncated };
}
