import { accessSync, constants, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Where package managers put programs that are not always on PATH. */
const HOMEBREW = ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'];

/** The folder that holds `postgres` and `initdb`, or null. */
export function findPostgresFolder(): string | null {
  const onPath = foldersOnPath().flatMap((folder) => realFolderOf(join(folder, 'postgres')));
  const packaged = [
    ...newestFirst('/usr/lib/postgresql', /^[\d.]+$/).map((folder) => join(folder, 'bin')),
    ...newestFirst('/usr', /^pgsql-[\d.]+$/).map((folder) => join(folder, 'bin')),
    ...HOMEBREW.flatMap((prefix) => newestFirst(join(prefix, 'opt'), /^postgresql(@[\d.]+)?$/)).map(
      (folder) => join(folder, 'bin'),
    ),
  ];
  const isComplete = (folder: string) =>
    isProgram(join(folder, 'postgres')) && isProgram(join(folder, 'initdb'));
  return [...onPath, ...packaged].find(isComplete) ?? null;
}

/** The path of `redis-server` or its equal `valkey-server`, or null. */
export function findRedisProgram(): string | null {
  const folders = [...foldersOnPath(), ...HOMEBREW.map((prefix) => join(prefix, 'bin')), '/usr/bin'];
  const candidates = ['redis-server', 'valkey-server'].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  return candidates.find(isProgram) ?? null;
}

/** Where a program of this name lies on PATH, or null. */
export function findProgram(name: string): string | null {
  return (
    foldersOnPath()
      .map((folder) => join(folder, name))
      .find(isProgram) ?? null
  );
}

function foldersOnPath(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

/** Debian and others link only `postgres` itself: its companions lie beside the real file. */
function realFolderOf(program: string): string[] {
  return isProgram(program) ? [dirname(realpathSync(program))] : [];
}

function newestFirst(folder: string, pattern: RegExp): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
