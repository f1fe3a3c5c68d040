import { readFileSync } from 'node:fs';
import { HoldfastError, messageOf, type ErrorCode } from '../shared/errors.js';

const LINES_SHOWN = 12;

/** What the usual last words of a server mean, and what to do about them. */
const KNOWN_CAUSES: readonly [pattern: RegExp, meaning: string][] = [
  [
    /address (already )?in use|could not bind/i,
    'The port is taken by another program: end it, or start again.',
  ],
  [
    /no space left on device/i,
    'The disk is full: free some space, or point TMPDIR at a folder that has some.',
  ],
  [
    /shared memory|semaphores|semget|shmget/i,
    'A kernel limit on shared memory is reached: end other servers, or raise it (in Docker: --shm-size).',
  ],
  [
    /permission denied|operation not permitted|EPERM|EACCES/i,
    'A folder may not be read or written: check the permissions of TMPDIR and of the server program.',
  ],
  [
    /cannot (be run|execute) as root|"root" execution/i,
    'PostgreSQL refuses to run as root: start this as another user.',
  ],
  [
    /error while loading shared libraries|library not loaded|exec format/i,
    'The program does not fit this machine: install PostgreSQL or Redis from its packages.',
  ],
  [
    /unrecognized configuration parameter|invalid value for parameter|parameter .* requires|bad directive|fatal config file error/i,
    'A server setting is wrong: check the settings that were passed.',
  ],
];

export function tailOf(log: string): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LINES_SHOWN).join('\n');
  } catch {
    return '';
  }
}

/** One error that says what failed, what it means, what to do next, and shows the end of the server's log. */
export function explainFailure(code: ErrorCode, title: string, error: unknown, log: string): HoldfastError {
  const tail = tailOf(log);
  const reason = messageOf(error);
  const known = KNOWN_CAUSES.find(([pattern]) => pattern.test(tail) || pattern.test(reason));
  const advice =
    known?.[1] ?? 'If the log below does not help, name a server of your own in DATABASE_URL or REDIS_URL.';
  const shown = tail === '' ? 'Its log is empty.' : `The end of its log:\n${tail.replace(/^/gm, '    ')}`;
  return new HoldfastError(code, `${title} did not start: ${reason}. ${advice} ${shown}`, { cause: error });
}
