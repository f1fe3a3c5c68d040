import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/package-root.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-installation.js';
import { cleanUp, runCli } from './cli-process.js';

const names = readdirSync(join(packageRoot, 'migrations'))
  .map((file) => file.replace(/\.\w+$/, ''))
  .sort();
const last = names.at(-1) ?? '';

let database: TestDatabase;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.connectionString, REDIS_URL: 'none' };
});
afterEach(cleanUp);
afterAll(() => database.drop());

const linesOf = (word: string, some: readonly string[]) => some.map((name) => `${word}  ${name}\n`).join('');

/** What every direction says on standard error: a shell may still have the address of another database. */
function target(schema: string): string {
  const { pathname, host } = new URL(database.connectionString);
  return `database ${pathname.slice(1)} on ${host}, schema ${schema}\n`;
}

test('down takes back the last migration, up applies it again, status tells', async () => {
  expect(await runCli(['migrate', 'status'], env)).toEqual({
    code: 0,
    stdout: linesOf('applied', names),
    stderr: target('public'),
  });
  expect(await runCli(['migrate', 'down'], env)).toEqual({
    code: 0,
    stdout: `taken back  ${last}\n`,
    stderr: target('public'),
  });
  expect((await runCli(['migrate', 'status'], env)).stdout).toBe(
    linesOf('applied', names.slice(0, -1)) + `pending  ${last}\n`,
  );
  // Nothing starts on tables that are not what it expects.
  for (const command of ['api', 'worker', 'coordinator']) {
    const { code, stderr } = await runCli([command], { ...env, LOG_FORMAT: 'text' });
    expect({ command, code }).toEqual({ command, code: 1 });
    expect(stderr).toBe(
      `holdfast: the database lacks a migration (${last}) in schema "public": run \`holdfast migrate up\`\n`,
    );
  }
  expect(await runCli(['migrate', 'up'], env)).toMatchObject({ code: 0, stdout: `applied  ${last}\n` });
  expect((await runCli(['migrate'], env)).stdout).toBe('nothing to do: all migrations are applied\n');
});

test('a schema of its own is created', async () => {
  const inSchema = { ...env, DATABASE_SCHEMA: 'jobs_2' };
  expect(await runCli(['migrate', 'status'], inSchema)).toEqual({
    code: 0,
    stdout: linesOf('pending', names),
    stderr: target('jobs_2'),
  });
  expect(await runCli(['migrate', 'up'], inSchema)).toMatchObject({
    code: 0,
    stdout: linesOf('applied', names),
  });
});
