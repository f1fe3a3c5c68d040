import { runChaos } from '../run-chaos.js';
import type { RunReport } from '../report/run-report.js';
import { breakCopy } from './break-copy.js';
import type { SeededBug } from './seeded-bugs.js';

/** Runs a broken copy of the code under the faults that show the bug. What is returned must not be clean. */
export async function runBroken(bug: SeededBug, seed = 1, log?: (line: string) => void): Promise<RunReport> {
  const copy = await breakCopy(bug);
  try {
    return await runChaos({
      seed,
      minutes: 0.15,
      faultEveryMs: 3_000,
      load: 1,
      ...bug.under,
      workers: 2,
      drainMs: 5_000,
      restMs: 5_000,
      kinds: bug.kinds,
      codeRoot: copy.root,
      env: { WORKER_SHUTDOWN_TIMEOUT: '2000' },
      ...(log ? { log } : {}),
    });
  } finally {
    await copy.remove();
  }
}
