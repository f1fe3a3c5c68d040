import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../../shared/errors.js';
import type { World } from '../world/world.js';
import type { FaultRecord, FaultScene, ReadyFault } from './fault.js';
import type { PlannedFault } from './fault-plan.js';

/** How long a fault waits for an earlier one that disturbs the same thing. */
const PATIENCE_MS = 12_000;

export interface Injection {
  readonly records: readonly FaultRecord[];
  /** Planned, but what they disturb was disturbed for too long. */
  readonly skipped: number;
}

/** Carries out the plan: each fault at its time, several at once where they disturb different things. */
export async function injectFaults(
  plan: readonly PlannedFault[],
  scene: Omit<FaultScene, 'random'>,
  log: (line: string) => void,
): Promise<Injection> {
  const records: FaultRecord[] = [];
  const disturbed = new Set<string>();
  let skipped = 0;
  const startedAt = Date.now();
  const since = () => `${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s`;

  async function carryOut({ kind, random }: PlannedFault): Promise<void> {
    const fault = kind.prepare({ ...scene, random });
    if (!(await waitUntilFree(fault, disturbed))) {
      skipped++;
      log(`${since()}  skipped: ${fault.what}`);
      return;
    }
    for (const one of fault.disturbs) disturbed.add(one);
    log(`${since()}  ${fault.what}`);
    const faultAt = Date.now();
    const pids = pidsOf(scene.world, fault);
    try {
      await fault.inject();
      records.push({ kind: kind.name, what: fault.what, startedAt: faultAt, endedAt: Date.now(), pids });
    } catch (error) {
      // A fault that could not be made, since another one is at work, is none.
      skipped++;
      log(`${since()}  could not be made: ${fault.what}: ${messageOf(error)}`);
    } finally {
      for (const one of fault.disturbs) disturbed.delete(one);
    }
  }

  const underWay: Promise<void>[] = [];
  for (const planned of plan) {
    await wait(Math.max(0, planned.atMs - (Date.now() - startedAt)));
    underWay.push(carryOut(planned));
  }
  await Promise.all(underWay);
  return { records, skipped };
}

async function waitUntilFree({ disturbs }: ReadyFault, disturbed: ReadonlySet<string>): Promise<boolean> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (disturbs.some((one) => disturbed.has(one))) {
    if (Date.now() > giveUpAt) return false;
    await wait(50);
  }
  return true;
}

const pidsOf = ({ members }: World, { disturbs }: ReadyFault): number[] =>
  members
    .filter(({ process }) => disturbs.includes(process.name))
    .flatMap(({ process }) => (process.pid === undefined ? [] : [process.pid]));
