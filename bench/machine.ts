import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import type { Servers } from '../servers/start-servers.js';
import { POSTGRES_SETTINGS, REDIS_SETTINGS } from './bench-servers.js';

/** What the figures were measured on: two lines for people. */
export function describeMachine({ describe }: Servers, node = process.execPath): string {
  const nodeVersion = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const versions = describe.map((line) => line.split(':')[0]).join(' · ');
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const settings = (of: Record<string, string>) =>
    Object.entries(of)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  return (
    `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${memory} · Node ${nodeVersion} · ${versions}\n` +
    `PostgreSQL with ${settings(POSTGRES_SETTINGS)} · Redis with ${settings(REDIS_SETTINGS)}`
  );
}
