import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/package-root.js';
import type { SeededBug } from './seeded-bugs.js';

const COPIED = [
  'api',
  'cli',
  'config',
  'migrations',
  'shared',
  'workers',
  'tests/chaos',
  'tests/support',
  'index.ts',
];
const FILES = ['package.json', 'tsconfig.json'];

/**
 * A copy of the code with the bug in it.
 *
 * @throws Error when what is to be broken is no longer written like that: then the bug must be seeded anew
 */
export async function breakCopy({
  name,
  file,
  right,
  wrong,
}: SeededBug): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-broken-'));
  for (const path of [...COPIED, ...FILES])
    await cp(join(packageRoot, path), join(root, path), { recursive: true });
  await symlink(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
  const path = join(root, file);
  const text = await readFile(path, 'utf8');
  if (text.split(right).length !== 2)
    throw new Error(`"${name}" cannot be seeded: ${file} does not contain, once: ${right}`);
  await writeFile(
    path,
    text.replace(right, () => wrong),
  );
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
