import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import ts from 'typescript';
import { packageRoot } from '../../shared/package-root.js';

/** Somebody's application that has installed the package, without what only its developers have. */
let consumer: string;
beforeAll(() => {
  consumer = mkdtempSync(join(tmpdir(), 'holdfast-package-'));
  installDependencies(join(consumer, 'node_modules'));
  unpack(join(consumer, 'node_modules', 'holdfast'));
});
afterAll(() => rmSync(consumer, { recursive: true, force: true }));

/** Links of what `npm install --omit=dev` would download. */
function installDependencies(folder: string): void {
  const lock = readFileSync(join(packageRoot, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(lock) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(packages)) {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name === undefined || dev || devOptional || !existsSync(join(packageRoot, path))) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    symlinkSync(join(packageRoot, path), join(folder, name));
  }
}

/** As it would be published; `dist` is what the build before the tests left. */
function unpack(folder: string): void {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', consumer];
  const file = execFileSync('npm', args, { cwd: packageRoot, encoding: 'utf8' }).trim();
  mkdirSync(folder);
  execFileSync('tar', ['xzf', join(consumer, file), '-C', folder, '--strip-components=1']);
}

/** What `tsc --strict` says of a module of the application, and of the declarations of this package. */
function compile(source: string): string[] {
  const file = join(consumer, 'main.mts');
  writeFileSync(file, source);
  const program = ts.createProgram([file], {
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    // Else what is linked would find the packages of our developers beside it.
    preserveSymlinks: true,
  });
  return program
    .getSourceFiles()
    .filter(({ fileName }) => fileName === file || fileName.includes('/node_modules/holdfast/'))
    .flatMap((one) => [...program.getSyntacticDiagnostics(one), ...program.getSemanticDiagnostics(one)])
    .map(({ file: where, messageText }) => {
      const text = ts.flattenDiagnosticMessageText(messageText, '\n');
      return `${where?.fileName.replace(consumer, '')}: ${text}`;
    });
}

test('an application in strict TypeScript compiles with what the package brings along', () => {
  const faults = compile(`
    import { builtInJobs, Coordinator, createClient, createWorker, defineJob, openInstallation } from 'holdfast';
    import { z } from 'zod';

    const hello = defineJob({
      type: 'hello',
      payload: z.object({ name: z.string() }),
      run: ({ name }, { log }) => { log.info(name); return Promise.resolve({ greeting: name }); },
    });
    const installation = await openInstallation({ postgres: { connectionString: 'postgres://localhost/app' } });
    const client = await createClient({ installation });
    const { id } = await client.submit(hello, { name: 'Ada' });
    const greeting: string = (await client.result<{ greeting: string }>(id, { timeoutMs: 1_000 })).greeting;
    await createWorker({ installation, jobs: [hello, ...builtInJobs().jobs] }).runUntilEmpty();
    await new Coordinator({ installation }).stop();
    console.log(greeting);
  `);
  expect(faults).toEqual([]);
});
