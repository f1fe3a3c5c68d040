import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { PEERS_FOLDER, PEERS_NODE } from './peer-process.js';

/** Installs the other job systems beside this file, once. Nothing else of Holdfast needs them. @throws when npm fails */
export async function installPeers(say: (line: string) => void): Promise<void> {
  if (existsSync(PEERS_NODE)) return;
  say('installing the peers (npm ci in bench/peers) …');
  await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS_FOLDER });
}
