import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { messageOf } from '../../../shared/errors.js';
import { BadInput } from '../../failure.js';
import { toJob } from './csv-job.js';

export type BatchFormat = 'jsonl' | 'csv';

/** A line of a file, as the job it says. */
export interface BatchLine {
  /** From 1. */
  readonly line: number;
  readonly job: Readonly<Record<string, unknown>>;
}

/** @throws BadInput when neither the option nor the file's name says */
export function chooseFormat(file: string, format: string | undefined): BatchFormat {
  const named = format ?? /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase();
  if (named === 'csv') return 'csv';
  if (named === 'jsonl' || named === 'ndjson') return 'jsonl';
  if (format === undefined && file === '-') return 'jsonl';
  throw new BadInput(`${format === undefined ? `--batch: ${file}` : '--format'}: must be jsonl or csv`);
}

/**
 * Reads line by line: a file may be larger than memory.
 *
 * @param file `-`: standard input
 * @throws BadInput naming the line
 */
export async function* readBatch(file: string, format: BatchFormat): AsyncGenerator<BatchLine, void> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file);
  try {
    yield* format === 'csv' ? readCsv(source) : readJsonLines(source);
  } catch (error) {
    if (error instanceof BadInput) throw error;
    throw new BadInput(`--batch: ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function* readJsonLines(source: Readable): AsyncGenerator<BatchLine, void> {
  // A stream's errors do not come through readline.
  const broken = new Promise<never>((_resolve, reject) => source.once('error', reject));
  broken.catch(() => undefined);
  const lines = createInterface({ input: source, crlfDelay: Infinity })[Symbol.asyncIterator]();
  for (let line = 1; ; line += 1) {
    const next = await Promise.race([lines.next(), broken]);
    if (next.done) return;
    const text = line === 1 ? next.value.replace(/^\ufeff/, '') : next.value;
    if (text.trim() !== '') yield { line, job: parseLine(text, line) };
  }
}

function parseLine(text: string, line: number): BatchLine['job'] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadInput(`line ${line}: is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as BatchLine['job'];
  throw new BadInput(`line ${line}: must be a JSON object`);
}

async function* readCsv(source: Readable): AsyncGenerator<BatchLine, void> {
  const { parse } = await import('csv-parse');
  const parser = parse({ columns: true, bom: true, info: true, skip_empty_lines: true, trim: true });
  source.once('error', (error) => parser.destroy(error));
  source.pipe(parser);
  for await (const { info, record } of parser as AsyncIterable<CsvRecord>) {
    yield { line: info.lines, job: toJob(record, info.lines) };
  }
}

interface CsvRecord {
  readonly info: { readonly lines: number };
  readonly record: Readonly<Record<string, string>>;
}
