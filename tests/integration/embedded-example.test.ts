import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { createTestDatabase } from '../support/test-installation.js';

const run = promisify(execFile);

test('examples/jobs/embedded.ts does what docs/library.md says, and ends', async () => {
  const database = await createTestDatabase();
  try {
    const { stdout, stderr } = await run(process.execPath, ['dist/examples/jobs/embedded.js'], {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        DATABASE_URL: database.connectionString,
        REDIS_URL: process.env.HOLDFAST_TEST_REDIS_URL ?? '',
      },
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^job \d+: \{ greeting: 'Welcome, Ada!' \}$/m);
    expect(stdout).toMatch(/^job \d+: \{ greeting: 'Welcome, Grace!' \}$/m);
  } finally {
    await database.drop();
  }
});
