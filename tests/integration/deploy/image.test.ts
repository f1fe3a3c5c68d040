/** What can be known of the image without building it; `scripts/check-image-steps.sh` runs its steps. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/package-root.js';

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8');
const linesOf = (path: string) => read(path).split('\n');

/** Instructions of the Dockerfile, continued lines joined. */
const instructions = read('Dockerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line));
const lastStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
const argumentsOf = (name: string, of = instructions) =>
  of.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

/** What .dockerignore, a list of what goes in, lets through. */
const letIn = linesOf('.dockerignore').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));

describe('the context', () => {
  test('holds nothing but what is listed, so that a secret that lies about stays out', () => {
    const rules = linesOf('.dockerignore').filter((line) => line !== '' && !line.startsWith('#'));
    expect(rules[0]).toBe('*');
    expect(rules.slice(1).every((rule) => /^![\w./-]+$/.test(rule))).toBe(true);
    for (const secret of ['.env', 'holdfast.env', 'secrets', '.git', 'tests'])
      expect(letIn).not.toContain(secret);
  });

  test('has all the source folders of the build, but for those the image does without', () => {
    const { include } = JSON.parse(read('tsconfig.json')) as { include: string[] };
    const left = include.filter((folder) => !letIn.includes(folder));
    expect(left.sort()).toEqual(['bench', 'examples', 'tests']);
    for (const path of letIn) expect([path, existsSync(join(packageRoot, path))]).toEqual([path, true]);
  });

  test('has every file that a COPY names', () => {
    const copied = argumentsOf('COPY')
      .filter((copy) => !copy.startsWith('--from='))
      .flatMap((copy) => copy.split(' ').slice(0, -1))
      .filter((path) => path !== '.');
    expect(copied).toContain('migrations');
    for (const path of copied)
      expect([path, letIn.some((allowed) => path === allowed || path.startsWith(`${allowed}/`))]).toEqual([
        path,
        true,
      ]);
  });
});

describe('the image', () => {
  test('runs as nobody of consequence, with tini as process 1', () => {
    expect(argumentsOf('USER', lastStage)).toEqual(['1000:1000']);
    expect(argumentsOf('ENTRYPOINT', lastStage)).toEqual(['["/sbin/tini", "--", "holdfast"]']);
    expect(argumentsOf('RUN', lastStage).join()).toMatch(/apk add --no-cache .*\btini\b/);
  });

  test('checks its health with a file that it has', () => {
    expect(argumentsOf('HEALTHCHECK', lastStage)[0]).toMatch(/CMD \["node", "scripts\/healthcheck\.mjs"\]$/);
    expect(argumentsOf('COPY', lastStage)).toContain('scripts/healthcheck.mjs scripts/healthcheck.mjs');
  });

  test('has its packages from the lock file, and only those of production', () => {
    const installs = argumentsOf('RUN').filter((command) => command.includes('npm '));
    for (const command of installs) expect(command).toMatch(/npm (ci|run build)\b/);
    expect(argumentsOf('COPY', lastStage)).toContain('--from=dependencies /app/node_modules node_modules');
    const dependencies = instructions.slice(
      instructions.findIndex((line) => line.endsWith('AS dependencies')),
    );
    expect(argumentsOf('RUN', dependencies)[0]).toContain('npm ci --omit=dev --omit=optional');
  });

  test('is built by the very commands that check-image-steps.sh runs', () => {
    const script = read('scripts/check-image-steps.sh');
    const beforeLast = instructions.slice(0, instructions.length - lastStage.length);
    const commands = argumentsOf('RUN', beforeLast).map((command) => command.replace(/^(--mount=\S+ )+/, ''));
    expect(commands.length).toBe(4);
    for (const command of commands) expect(script).toContain(`step ${command})`);
  });
});
