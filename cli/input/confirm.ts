import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { BadInput } from '../failure.js';

export interface ConfirmOptions {
  readonly yes?: boolean;
}

const isAsking = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/**
 * Where nobody can be asked, `--yes` must say so beforehand. To be called before anything is looked up.
 *
 * @throws BadInput
 */
export function requireConsent({ yes }: ConfirmOptions): void {
  if (yes || isAsking()) return;
  throw new BadInput('this changes many at once, and there is no terminal to ask: give --yes, or --dry-run');
}

/** Asks a person; true when they agree, or have agreed with `--yes`. */
export async function confirm(question: string, { yes }: ConfirmOptions): Promise<boolean> {
  if (yes) return true;
  // Not on standard output: that may go into a file.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.once('SIGINT', () => process.exit(INTERRUPTED));
  // Nothing more to read is no consent.
  const closed = once(terminal, 'close').then(() => '');
  const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** As a shell says it of Ctrl-C. */
const INTERRUPTED = 130;
