import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PermanentError } from '../../../shared/jobs/job-errors.js';
import type {
  DataProcessingResult,
  DataProcessingSettings,
} from '../../../workers/handlers/data-processing.js';
import { builtInJobs, type BuiltInJobs } from '../../../workers/handlers/index.js';
import { bigCsv } from './big-csv.js';
import { contextFor, failureOf, jobOf, runJob } from './context.js';

let directory: string;
let allowedDirectory: string;
let opened: BuiltInJobs[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'data-processing-'));
  allowedDirectory = join(directory, 'allowed');
  await mkdir(allowedDirectory);
  opened = [];
});

afterEach(async () => {
  for (const builtIn of opened) await builtIn.close();
  await rm(directory, { recursive: true });
});

function process(
  payload: object,
  settings: DataProcessingSettings = { allowedDirectory },
  context = contextFor(),
) {
  const builtIn = builtInJobs({ data: settings });
  opened.push(builtIn);
  return runJob<DataProcessingResult>(jobOf(builtIn.jobs, 'data_processing'), payload, context);
}

/** Writes a file and processes it. */
async function processText(content: string | Buffer, options: object = {}, context = contextFor()) {
  await writeFile(join(allowedDirectory, 'data.csv'), content);
  return process({ source: { path: 'data.csv' }, ...options }, undefined, context);
}

const typesOf = ({ columns }: DataProcessingResult) =>
  Object.fromEntries(columns.map(({ name, type }) => [name, type]));

describe('a CSV file', () => {
  test('gives statistics of each column', async () => {
    const result = await processText(
      'zip,price,sold,day,note\n00501,1.5,true,2024-01-02,"a ""quoted"", text"\n10001,3,false,2023-05-06,\n',
    );
    expect(result).toMatchObject({
      source: 'data.csv',
      rows: 2,
      rows_too_short: 0,
      rows_too_long: 0,
      truncated: false,
    });
    expect(typesOf(result)).toEqual({
      zip: 'string',
      price: 'number',
      sold: 'boolean',
      day: 'date',
      note: 'string',
    });
    const [zip, price, , day, note] = result.columns;
    expect(zip).toMatchObject({ count: 2, min: '00501', max: '10001', distinct: 2 });
    expect(price).toMatchObject({ min: 1.5, max: 3, mean: 2.25 });
    expect(day).toMatchObject({ min: '2023-05-06', max: '2024-01-02' });
    expect(note).toMatchObject({
      count: 1,
      missing: 1,
      top_values: [{ value: 'a "quoted", text', count: 1 }],
    });
  });

  test('may begin with a byte order mark, end lines in several ways and hold them within quotes', async () => {
    const result = await processText('\uFEFFa,b\r\n1,"two\r\nlines"\n2,x\r\n\r\n3,');
    expect(result.rows).toBe(3);
    expect(typesOf(result)).toEqual({ a: 'integer', b: 'string' });
    expect(result.columns[1]).toMatchObject({ count: 2, missing: 1, longest_length: 10, max: 'x' });
  });

  test('may be in another encoding, named or marked', async () => {
    const named = await processText(Buffer.from('city\nKöln\n', 'latin1'), { encoding: 'latin1' });
    expect(named.columns[0]?.max).toBe('Köln');
    const marked = await processText(Buffer.from('\uFEFFcity;n\r\nKöln;1\r\n', 'utf16le'), {
      delimiter: ';',
    });
    expect(typesOf(marked)).toEqual({ city: 'string', n: 'integer' });
    expect(marked.columns[0]?.max).toBe('Köln');
  });

  test('may have another delimiter, no header, and columns that are not wanted', async () => {
    const options = { delimiter: '\t', has_header: false, columns: ['column_2'] };
    const result = await processText('a\t1\n b\t2\n', options);
    expect(result).toMatchObject({ rows: 2, columns: [{ name: 'column_2', type: 'integer', mean: 1.5 }] });
  });

  test('may repeat a name or lack one', async () => {
    const result = await processText('id,id,\n1,2,3\n');
    expect(result.columns.map(({ name }) => name)).toEqual(['id', 'id_2', 'column_3']);
  });

  test('may be empty, or nothing but a header', async () => {
    expect(await processText('')).toMatchObject({ rows: 0, columns: [] });
    expect(await processText('a,b\n')).toMatchObject({
      rows: 0,
      columns: [{ type: 'empty' }, { type: 'empty' }],
    });
  });

  test('may have rows with too few or too many columns, which are counted', async () => {
    const result = await processText('a,b\n1,2\n1\n1,2,3\n1,2,3\n');
    expect(result).toMatchObject({ rows: 4, rows_too_short: 1, rows_too_long: 2, first_irregular_row: 2 });
    expect(result.columns[1]).toMatchObject({ count: 3, missing: 1 });
  });

  test('is read no further than wanted', async () => {
    const context = contextFor();
    const result = await processText([...bigCsv(8_000)].join(''), { max_rows: 10 }, context);
    expect(result).toMatchObject({ rows: 10, truncated: true });
    expect(result.bytes_read).toBeLessThan(1_000_000);
    expect(await processText('a\n1\n', { max_rows: 1 })).toMatchObject({ rows: 1, truncated: false });
  });

  test('reports progress up to the end', async () => {
    const context = contextFor();
    await processText([...bigCsv(8_000)].join(''), {}, context);
    expect(context.reported.length).toBeGreaterThan(3);
    expect(context.reported).toEqual([...context.reported].sort((a, b) => a - b));
    expect(context.reported.at(-1)).toBe(100);
  });

  test('stops when the job is aborted, with the reason of the abort', async () => {
    const aborting = new AbortController();
    const reason = new Error('cancelled by the test');
    const context = contextFor({ signal: aborting.signal, progress: () => aborting.abort(reason) });
    await expect(processText([...bigCsv(8_000)].join(''), {}, context)).rejects.toBe(reason);
  });
});

describe('what is wrong with a file', () => {
  test.each<[string, string, object, RegExp]>([
    ['a quote in the middle', 'a,b\n1,2\n3,"x"y\n', {}, /row 2 \(line 3\)/],
    ['a quote that never ends', `a,b\n1,"${'x'.repeat(2_000_000)}`, {}, /row 1 .*never closed/],
    ['an open quote at the end', 'a,b\n1,"x\n', {}, /row 1 /],
    [
      'too many irregular rows',
      'a,b\n1\n2\n3\n',
      { max_irregular_rows: 2 },
      /More than 2 rows.*first is row 1.*delimiter/,
    ],
    ['a column that is not there', 'a,b\n1,2\n', { columns: ['c'] }, /no column c.*a, b/],
    ['bytes that are no text', 'PK\u0003\u0004\0\0', {}, /NUL/],
  ])('%s ends the job for good and says where', async (_what, content, options, message) => {
    const error = await failureOf(processText(content, options));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(message);
  });

  test('a file larger than allowed is refused', async () => {
    await writeFile(join(allowedDirectory, 'data.csv'), 'a\n1\n');
    const error = await failureOf(
      process({ source: { path: 'data.csv' } }, { allowedDirectory, maxBytes: 3 }),
    );
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toContain('HANDLER_MAX_BYTES');
  });

  test('a file that is not there ends the job for good', async () => {
    const error = await failureOf(process({ source: { path: 'missing.csv' } }));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/missing\.csv does not exist/);
  });

  test('a directory is no file', async () => {
    await mkdir(join(allowedDirectory, 'folder'));
    await expect(process({ source: { path: 'folder' } })).rejects.toThrow(/not a file/);
  });
});

describe('where files may lie', () => {
  beforeEach(async () => {
    await writeFile(join(directory, 'outside.csv'), 'secret\n1\n');
    await mkdir(join(directory, 'allowed-too'));
    await writeFile(join(directory, 'allowed-too', 'outside.csv'), 'secret\n1\n');
    await symlink(join(directory, 'outside.csv'), join(allowedDirectory, 'link.csv'));
    await symlink(directory, join(allowedDirectory, 'folder'));
  });

  test.each([
    '../outside.csv',
    '../allowed-too/outside.csv',
    'link.csv',
    'folder/outside.csv',
    'folder/allowed/../outside.csv',
  ])('%s leads outside and is refused', async (path) => {
    const error = await failureOf(process({ source: { path } }));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/outside.*HANDLER_DATA_DIR/);
  });

  test('an absolute path and a link within the directory are fine', async () => {
    await writeFile(join(allowedDirectory, 'data.csv'), 'a\n1\n');
    await symlink('data.csv', join(allowedDirectory, 'alias.csv'));
    await expect(process({ source: { path: join(allowedDirectory, 'data.csv') } })).resolves.toMatchObject({
      rows: 1,
    });
    await expect(process({ source: { path: 'alias.csv' } })).resolves.toMatchObject({ rows: 1 });
  });

  test('without a directory no file is read at all', async () => {
    const error = await failureOf(process({ source: { path: 'link.csv' } }, {}));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toContain('HANDLER_DATA_DIR');
  });
});
