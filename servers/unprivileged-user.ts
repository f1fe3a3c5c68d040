import { readFileSync, statSync } from 'node:fs';
import { lchown, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { UnixUser } from './supervisor-protocol.js';

/** PostgreSQL refuses to run as root: the user to run it as instead, or null when we are not root. */
export function findUnprivilegedUser(): UnixUser | null {
  if (process.getuid?.() !== 0) return null;
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const entry = entries.find(([name]) => name === wanted);
    if (entry !== undefined) return { name: wanted, uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  return { name: 'nobody', uid: 65_534, gid: 65_534 };
}

/** Whether a user who is neither the owner nor in the group can get at the file: every folder above it must let them. */
export function isReadableByAll(path: string): boolean {
  const READ_AND_ENTER = 0o005;
  const ENTER = 0o001;
  if ((statSync(path).mode & READ_AND_ENTER) !== READ_AND_ENTER) return false;
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & ENTER) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** The folder for temporary files. For root it has to be one that PostgreSQL's user can pass through as well. */
export function chooseTemporaryBase(): string {
  const usual = tmpdir();
  return findUnprivilegedUser() === null || isReadableByAll(usual) ? usual : '/tmp';
}

/** Hands a folder and all in it to a user. */
export async function giveTo(user: UnixUser | null, folder: string): Promise<void> {
  if (user === null) return;
  await lchown(folder, user.uid, user.gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await giveTo(user, path);
    else await lchown(path, user.uid, user.gid);
  }
}
