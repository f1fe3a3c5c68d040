import { setTimeout as wait } from 'node:timers/promises';
import type { Role } from '../world/system-process.js';
import type { FaultKind } from './fault.js';

/** Longer than the default lease of a worker (10 s), and of the coordinator (3 s). */
const FREEZE_MS: Readonly<Record<Role, readonly [number, number]>> = {
  worker: [11_000, 13_000],
  coordinator: [4_000, 6_000],
  api: [1_000, 4_000],
};

const signal = (name: 'SIGKILL' | 'SIGTERM', role: Role, weight: number): FaultKind => ({
  name: `${name} of a ${role}`,
  weight,
  prepare({ targets, random }) {
    const { process } = random.pick(targets(role));
    return { what: `${name} to ${process.name}`, disturbs: [process.name], inject: () => process.end(name) };
  },
});

const freeze = (role: Role, weight: number): FaultKind => ({
  name: `SIGSTOP of a ${role}`,
  weight,
  prepare({ targets, random }) {
    const { process } = random.pick(targets(role));
    const ms = Math.round(random.between(...FREEZE_MS[role]));
    return {
      what: `${process.name} frozen for ${ms} ms`,
      disturbs: [process.name],
      async inject() {
        process.freeze();
        await wait(ms);
        process.resume();
      },
    };
  },
});

export const PROCESS_FAULTS: readonly FaultKind[] = [
  signal('SIGKILL', 'worker', 10),
  signal('SIGKILL', 'coordinator', 5),
  signal('SIGKILL', 'api', 3),
  signal('SIGTERM', 'worker', 5),
  signal('SIGTERM', 'coordinator', 2),
  signal('SIGTERM', 'api', 2),
  freeze('worker', 5),
  freeze('coordinator', 3),
  freeze('api', 2),
];
