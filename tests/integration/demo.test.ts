import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, hasRedis } from '../support/test-installation.js';

const LIMIT_MS = 180_000;
const withRedis = hasRedis ? test : test.skip;

/** Where the demo puts its files; afterwards nothing may be left in it. */
let temporary: string;
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'holdfast-demo-test-'));
});
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function startDemo(args: string[], variables: NodeJS.ProcessEnv = {}) {
  return spawn(process.execPath, ['dist/examples/demo/main.js', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // Of the suite's own process only.
      NODE_OPTIONS: '',
      API_PORT: '',
      TMPDIR: temporary,
      ...variables,
    },
  });
}

async function runDemo(args: string[], variables?: NodeJS.ProcessEnv) {
  const demo = startDemo(args, variables);
  const [output, complaints, [exitCode]] = await Promise.all([
    text(demo.stdout),
    text(demo.stderr),
    once(demo, 'exit') as Promise<[number | null]>,
  ]);
  return { output, complaints, exitCode };
}

/** What everybody must see, with Redis or without. */
function expectTheWholeStory(output: string): void {
  expect(output).toMatch(/^PostgreSQL.*(private server|given|Docker)/m);
  expect(output).toMatch(/^All 60 jobs reached the end they should, in [\d.]+ s\.$/m);
  expect(output).toContain(
    '57 completed, 2 are dead letters (expected), 1 was cancelled (expected); 6 were retried',
  );
  expect(output).toMatch(/data_processing +12 +12/);
  expect(output).toMatch(/amount +number +4885 +115/);
  expect(output).toMatch(/attempt 2 failed after \d+ ms\n.*503/);
  expect(output).toContain('mail: 10 arrived');
  expect(output).toMatch(/job \d+ was rolled back and never was/);
  expect(output).toContain('width: Invalid input: expected number');
  expect(output).not.toContain('NOT');
  for (const path of ['/api-docs', '/api/jobs', '/api/jobs/metrics', '/metrics']) {
    expect(output).toMatch(new RegExp(`http://127.0.0.1:\\d+${path}$`, 'm'));
  }
  expect(output).toMatch(/^ +PostgreSQL +psql /m);
}

describe('npm run demo -- --exit', () => {
  withRedis(
    'runs every job to the end it should reach, shows what came of them and leaves nothing behind',
    async () => {
      const { output, complaints, exitCode } = await runDemo(['--exit']);
      expectTheWholeStory(output);
      expect(output).toMatch(/^ +Redis +redis-cli -u /m);
      expect({ complaints, exitCode }).toEqual({ complaints: '', exitCode: 0 });
      expect(readdirSync(temporary).filter((name) => name.startsWith('holdfast-'))).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'does the same by PostgreSQL-only dispatch where there is no Redis, and says how to get one',
    async () => {
      const { output, complaints, exitCode } = await runDemo(['--exit'], { HOLDFAST_REDIS: 'none' });
      expectTheWholeStory(output);
      expect(output).toMatch(/^Redis: .*PostgreSQL-only dispatch\. To install Redis: \S+/m);
      expect({ complaints, exitCode }).toEqual({ complaints: '', exitCode: 0 });
    },
    LIMIT_MS,
  );
});

describe('npm run demo', () => {
  test(
    'says what it leaves in a database that the environment names, before it makes a table',
    async () => {
      const database = await createTestDatabase();
      try {
        const variables = { DATABASE_URL: database.connectionString, HOLDFAST_REDIS: 'none' };
        const demo = startDemo([], variables);
        const exit = once(demo, 'exit');
        let output = '';
        for await (const chunk of demo.stdout.setEncoding('utf8')) {
          output += chunk;
          if (output.includes('Redis:') && !demo.killed) demo.kill('SIGINT');
        }
        await exit;
        expect(output).toMatch(
          /^PostgreSQL: given by the environment.*\n.*\nThe demo makes its tables in that database \(schema public\) and leaves them there/m,
        );
      } finally {
        await database.drop();
      }
    },
    LIMIT_MS,
  );

  test(
    'ends in good order at Ctrl-C, also while jobs are running',
    async () => {
      const demo = startDemo([], { HOLDFAST_REDIS: 'none' });
      const exit = once(demo, 'exit');
      let output = '';
      for await (const chunk of demo.stdout.setEncoding('utf8')) {
        const before = output;
        output += chunk;
        if (output.includes('jobs finished') && !before.includes('jobs finished')) demo.kill('SIGINT');
      }
      expect(output).toMatch(/Stopping; Ctrl-C once more ends it at once\.\s*$/);
      expect(await exit).toEqual([130, null]);
      expect(readdirSync(temporary).filter((name) => name.startsWith('holdfast-'))).toEqual([]);
    },
    LIMIT_MS,
  );
});
