import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PermanentError, RetryAfterError, TransientError } from '../../../shared/jobs/job-errors.js';
import type {
  DataProcessingResult,
  DataProcessingSettings,
} from '../../../workers/handlers/data-processing.js';
import { builtInJobs, type BuiltInJobs } from '../../../workers/handlers/index.js';
import { bigCsv } from './big-csv.js';
import { contextFor, jobOf, runJob } from './context.js';
import { reply, startHttpServer, type HttpTestServer } from './http-test-server.js';

let server: HttpTestServer;
let opened: BuiltInJobs[];

beforeEach(async () => {
  server = await startHttpServer();
  opened = [];
});

afterEach(async () => {
  for (const builtIn of opened) await builtIn.close();
  await server.close();
});

function process(payload: object, settings: DataProcessingSettings = {}, context = contextFor()) {
  const builtIn = builtInJobs({ data: settings, network: { allowPrivateNetworks: true } });
  opened.push(builtIn);
  return runJob<DataProcessingResult>(jobOf(builtIn.jobs, 'data_processing'), payload, context);
}

describe('a CSV at a URL', () => {
  test('gives the same statistics as a file, and progress when its size is known', async () => {
    const body = [...bigCsv(5_000)].join('');
    server.routes['/data.csv'] = reply(200, { 'content-length': String(body.length) }, body);
    const context = contextFor();
    const result = await process({ source: { url: `${server.url}/data.csv?key=hidden` } }, {}, context);
    expect(result).toMatchObject({ source: `${server.url}/data.csv`, rows: 5_000, bytes_read: body.length });
    expect(context.reported.at(-1)).toBe(100);
  });

  test('is processed in a heap much smaller than the document', async () => {
    server.routes['/big.csv'] = (_request, response) => void Readable.from(bigCsv(300_000)).pipe(response);
    const script = fileURLToPath(new URL('./process-url-in-small-heap.ts', import.meta.url));
    // 300,000 rows are 70 MB. TypeScript and the handlers alone take some 25 MB of the heap.
    const options = ['--max-old-space-size=48', '--import', 'tsx', script, `${server.url}/big.csv`];
    const { stdout } = await promisify(execFile)(globalThis.process.execPath, options, {
      maxBuffer: 10_000_000,
    });
    const result = JSON.parse(stdout) as DataProcessingResult;
    expect(result.rows).toBe(300_000);
    expect(result.bytes_read).toBeGreaterThan(65_000_000);
    const [id, zip, amount] = result.columns;
    expect(id).toMatchObject({ type: 'integer', mean: 150_000.5, max: 300_000, distinct_is_exact: false });
    expect(Math.abs((id?.distinct ?? 0) - 300_000)).toBeLessThan(18_000);
    expect(zip).toMatchObject({
      type: 'string',
      distinct: 1_000,
      distinct_is_exact: true,
      top_values_max_undercount: 0,
    });
    expect(zip?.top_values[0]).toEqual({ value: '00000', count: 300 });
    expect(amount).toMatchObject({ type: 'number', mean: expect.closeTo(50, 6) as unknown });
  });

  test('that breaks off is tried again', async () => {
    server.routes['/'] = (request, response) =>
      void response
        .writeHead(200, { 'content-length': '1000' })
        .write('a,b\n1,2\n', () => request.socket.destroy());
    await expect(process({ source: { url: `${server.url}/` } }, {})).rejects.toThrow(TransientError);
  });

  test('that falls silent is tried again', async () => {
    server.routes['/'] = (_request, response) => void response.writeHead(200).write('a,b\n');
    await expect(process({ source: { url: `${server.url}/` } }, { idleTimeoutMs: 50 })).rejects.toThrow(
      TransientError,
    );
  });

  test('that the server does not give is tried again or not, by its status', async () => {
    server.routes['/busy'] = reply(503, { 'retry-after': '5' });
    server.routes['/moved'] = reply(301, { location: '/elsewhere' });
    await expect(process({ source: { url: `${server.url}/busy` } }, {})).rejects.toThrow(RetryAfterError);
    await expect(process({ source: { url: `${server.url}/moved` } }, {})).rejects.toThrow(PermanentError);
    await expect(process({ source: { url: `${server.url}/none` } }, {})).rejects.toThrow(PermanentError);
  });

  test('that is larger than allowed is ended', async () => {
    let hungUp: Promise<unknown> | undefined;
    server.routes['/'] = (_request, response) => {
      hungUp = once(response, 'close');
      Readable.from(bigCsv(100_000)).pipe(response);
    };
    await expect(process({ source: { url: `${server.url}/` } }, { maxBytes: 100_000 })).rejects.toThrow(
      /HANDLER_MAX_BYTES/,
    );
    await hungUp;
  });

  test('is let go when the job is aborted', async () => {
    const aborting = new AbortController();
    const reason = new Error('cancelled by the test');
    let hungUp: Promise<unknown> | undefined;
    server.routes['/'] = (_request, response) => {
      hungUp = once(response, 'close');
      response.write('a,b\n1,2\n', () => aborting.abort(reason));
    };
    const context = contextFor({ signal: aborting.signal });
    await expect(process({ source: { url: `${server.url}/` } }, {}, context)).rejects.toBe(reason);
    await hungUp;
  });

  test('on a private network is refused unless that is allowed', async () => {
    const builtIn = builtInJobs();
    opened.push(builtIn);
    const job = jobOf(builtIn.jobs, 'data_processing');
    await expect(runJob(job, { source: { url: `${server.url}/` } })).rejects.toThrow(/HTTP_ALLOW_PRIVATE/);
    expect(server.connections).toBe(0);
  });
});
