import type { Installation } from '../../shared/installation.js';
import { pruneFires } from '../../shared/schedules/prune-fires.js';
import type { Loop } from '../../shared/time/loop.js';
import { forgetWorkers } from '../../shared/workers/registry.js';
import { createDutyLoop } from './duty-loop.js';
import { Pruner } from './pruner.js';

export interface RetentionSettings {
  /** Finished jobs, and what became of fires of schedules, are deleted when they are older than this. Default 7 days; 0 keeps them for ever. */
  readonly retentionMs?: number;
}

const ROUND_MS = 60_000;
/** Between the pages of a round, so that retention never competes with work. */
const PAUSE_MS = 50;
const DEFAULT_RETENTION_MS = 7 * 24 * 3_600_000;
const FORGET_WORKERS_MS = 24 * 3_600_000;

/** Deletes finished jobs, and the record of schedules' fires, that are older than the retention, a page at a time. */
export function createRetention(
  installation: Installation,
  { retentionMs = DEFAULT_RETENTION_MS }: RetentionSettings,
): Loop {
  let afterId = 0;
  const pruner = new Pruner(installation, retentionMs);
  return createDutyLoop(installation, 'prune', ROUND_MS, async () => {
    if (afterId === 0) await forgetWorkers(installation.db, FORGET_WORKERS_MS);
    if (retentionMs <= 0) return ROUND_MS;
    if (afterId === 0 && (await pruneFires(installation.db, retentionMs))) return PAUSE_MS;
    const nextAfterId = await pruner.prune(afterId);
    afterId = nextAfterId ?? 0;
    return nextAfterId === null ? ROUND_MS : PAUSE_MS;
  });
}
