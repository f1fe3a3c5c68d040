import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cleanUp, emptyFolder, startCli } from './cli-process.js';

/** An API that answers when the test does; the first chunk at once. */
let api: Server;
let requests: number;
let held: Promise<ServerResponse>;
beforeAll(async () => {
  api = createServer((request, response) => {
    request.resume().on('end', () => {
      requests += 1;
      if (requests === 1) submitted(response).once('close', () => api.emit('answered'));
      else api.emit('held', response);
    });
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
});
beforeEach(() => {
  requests = 0;
  held = once(api, 'held').then(([response]) => response as ServerResponse);
});
afterEach(cleanUp);
afterAll(() => {
  api.closeAllConnections();
  api.close();
});

const submitted = (response: ServerResponse) =>
  response.end(
    JSON.stringify({ success: true, existing: 0, job_ids: Array.from({ length: 1_000 }, (_, n) => n + 1) }),
  );

function submit(lines: number, ...more: string[]) {
  const path = join(emptyFolder(), 'jobs.jsonl');
  writeFileSync(path, '{"job_type": "nobody"}\n'.repeat(lines));
  const { port } = api.address() as AddressInfo;
  return startCli(['submit', '--batch', path, ...more], { HOLDFAST_API_URL: `http://127.0.0.1:${port}` });
}

describe('a batch that a signal interrupts', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s: lets the request under way end, and says where to go on', async (signal, code) => {
    const command = submit(3_500);
    const response = await held;
    command.send(signal);
    expect(await command.line(/^stopping when lines 1,001 to 2,000 are answered for/)).toContain('a second');
    submitted(response);
    expect(await command.ended).toEqual({
      code,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(
          `\nholdfast: stopped by ${signal}: the 2,000 jobs of the lines before are submitted; go on with --from-line 2001\n$`,
        ),
      ),
    });
    expect(requests).toBe(2);
  });

  test('with an idempotency key is to be repeated as it was', async () => {
    const command = submit(2_500, '--idempotency-key', 'july');
    const response = await held;
    command.send('SIGINT');
    await command.line(/^stopping/);
    submitted(response);
    expect((await command.ended).stderr).toContain('run the same command again: no line is submitted twice');
  });

  test('has nothing to stop when all of it is submitted', async () => {
    const command = submit(2_000);
    const response = await held;
    command.send('SIGINT');
    await command.line(/^stopping/);
    submitted(response);
    expect(await command.ended).toMatchObject({ code: 0, stdout: '2,000 jobs submitted: 1 to 1000\n' });
  });

  test('does not wait until a limit of the rate has passed', async () => {
    const command = submit(2_500);
    const response = await held;
    const refusal = { success: false, error: 'too many requests', code: 'rate_limited' };
    response.writeHead(429, { 'retry-after': '30' }).end(JSON.stringify(refusal));
    await once(response, 'close');
    command.send('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('the 1,000 jobs of the lines before are submitted; go on with --from-line 1001');
    expect(requests).toBe(2);
  });

  test('does not wait for what never comes', async () => {
    const { port } = api.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const command = startCli(['submit', '--batch', '-'], { HOLDFAST_API_URL: url });
    const answered = once(api, 'answered');
    command.type('{"job_type": "nobody"}\n'.repeat(1_500));
    await answered;
    command.send('SIGINT');
    const { code, stderr } = await command.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('the 1,000 jobs of the lines before are submitted; go on with --from-line 1001');
  });
});
