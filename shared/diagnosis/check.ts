import { messageOf } from '../errors.js';
import { warning, type Finding } from './finding.js';

export interface Check {
  /** Stable: scripts select by it. */
  readonly name: string;
  /** Gives at least one finding, also when all is well. */
  readonly run: () => Promise<readonly Finding[]> | readonly Finding[];
}

export interface CheckedFinding extends Finding {
  readonly check: string;
}

const CHECK_LIMIT_MS = 3_000;

/**
 * Runs checks one after another until `deadline` (of performance.now()). One that fails, or takes too long, is a finding
 * too, and keeps none of the others from running.
 */
export async function runChecks(checks: readonly Check[], deadline: number): Promise<CheckedFinding[]> {
  const found: CheckedFinding[] = [];
  for (const check of checks) {
    const findings = await runCheck(check, deadline - performance.now()).catch((error: unknown) => [
      couldNotCheck(check.name, error),
    ]);
    found.push(...findings.map((finding) => ({ check: check.name, ...finding })));
  }
  return found;
}

async function runCheck({ run }: Check, leftMs: number): Promise<readonly Finding[]> {
  if (leftMs <= 0) throw new Error('the checks before it took all the time');
  return within(Math.min(CHECK_LIMIT_MS, leftMs), run());
}

function couldNotCheck(name: string, error: unknown): Finding {
  return warning(
    `${name} could not be checked: ${messageOf(error)}`,
    'Whether something is wrong there is not known.',
    'Run `holdfast doctor` again; if this stays, the message above says what is in the way.',
  );
}

/** Settles as `work` does. @throws Error when that takes longer than `mostMs`; the work itself goes on unheard */
export async function within<T>(mostMs: number, work: Promise<T> | T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(mostMs)} ms`)), mostMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
