import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { welcome } from '../../../examples/jobs/welcome.js';
import { packageRoot } from '../../../shared/package-root.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { startTestApi } from './test-api.js';

/** The commands of docs/api.md in their order, in one shell, against a system such as `npm run dev` starts. */
const page = await readFile(join(packageRoot, 'docs', 'api.md'), 'utf8');
const BLOCK = /```sh\n([^`]+)```(?:\n\n```json\n([^`]+)```)?/g;
const steps = [...page.matchAll(BLOCK)].map(([, commands = '', answer]) => ({ commands, answer }));

const api = await startTestApi();
const worker = createWorker({ installation: api.installation, jobs: [welcome], concurrency: 5 });
const coordinator = new Coordinator({ installation: api.installation });
const directory = await mkdtemp(join(tmpdir(), 'holdfast-api-page-'));

beforeAll(async () => {
  await worker.start();
  await coordinator.start();
  await eventually('somebody coordinates', () => coordinator.isLeading);
});
afterAll(async () => {
  await coordinator.stop();
  await worker.stop();
  await api.close();
  await rm(directory, { recursive: true });
});

/** What the page says of an answer, with room for what it leaves open. */
const asPattern = (value: unknown): unknown => {
  if (value === '…') return expect.anything();
  if (Array.isArray(value)) return value.map(asPattern);
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.entries(value).map(([name, inner]) => [name, asPattern(inner)]);
  return expect.objectContaining(Object.fromEntries(fields) as object);
};

/** A line between the answers of commands, so that the last one can be told from those before it. */
const MARK = '--- step ---';

test('every command of the page answers as the page says', async () => {
  expect(steps.length).toBeGreaterThan(20);
  const script = steps
    .map(({ commands }) => commands.replaceAll('localhost:3000', new URL(api.url).host))
    .map((commands) => `${commands}\necho; echo '${MARK}'`)
    .join('\n');
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: directory,
    maxBuffer: 10_000_000,
  });
  const outputs = stdout.split(MARK);
  for (const [index, { commands, answer }] of steps.entries()) {
    if (answer === undefined) continue;
    const printed = lastJson(outputs[index] ?? '');
    expect({ commands, answer: printed }).toEqual({ commands, answer: asPattern(JSON.parse(answer)) });
  }
}, 60_000);

/** The answers of several commands stand behind each other: the last one counts. */
function lastJson(output: string): unknown {
  const text = output.trim();
  for (let start = text.lastIndexOf('{"'); start >= 0; start = text.lastIndexOf('{"', start - 1)) {
    try {
      const parsed: unknown = JSON.parse(text.slice(start));
      if (start === 0 || text[start - 1] === '}' || text[start - 1] === '\n') return parsed;
    } catch {
      // It begins further to the left.
    }
    if (start === 0) break;
  }
  return output;
}
