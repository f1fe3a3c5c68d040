import { messageOf } from '../../../../shared/errors.js';
import { named, type Cast, type Part } from '../../world/process-specs.js';
import { startWorld, type Member, type World } from '../../world/world.js';
import type { Say } from '../bound.js';

/** What the chaos runs set otherwise: an undefined variable is unset, so that the default holds. */
const DEFAULTS: NodeJS.ProcessEnv = {
  COORDINATOR_ENABLED: undefined,
  JOB_RETRY_DELAY_BASE: undefined,
  JOB_RETRY_DELAY_MAX: undefined,
};

/** The default of WORKER_CONCURRENCY. */
export const SLOTS = 5;

/** Worker processes with default settings, which also stand for coordinator. */
export const defaultWorkers = (count: number, more: Partial<Part> = {}): Part[] =>
  named('worker', count, { concurrency: SLOTS, ...more });

/** Starts real servers and processes with default settings, and ends them when the work is done. Its files stay when it failed. */
export async function inWorld<T>(
  options: { readonly cast: Cast; readonly env?: NodeJS.ProcessEnv; readonly say: Say },
  work: (world: World) => Promise<T>,
): Promise<T> {
  const { cast, env, say } = options;
  const world = await startWorld({ cast, env: { ...DEFAULTS, ...env } });
  let isDone = false;
  try {
    const result = await work(world);
    isDone = true;
    return result;
  } finally {
    if (!isDone) say(`the logs of its processes are kept in ${world.directory}`);
    await world.stop({ keepFiles: !isDone }).catch((error: unknown) => say(messageOf(error)));
  }
}

export function memberNamed({ members }: World, name: string): Member {
  const found = members.find(({ process }) => process.name === name);
  if (!found) throw new Error(`nobody in this world is called ${name}`);
  return found;
}

/** How many times processes of this world ended that nobody ended. */
export const countEnds = ({ members }: World): number =>
  members.reduce((sum, { process }) => sum + process.ends.filter(({ isAsked }) => !isAsked).length, 0);
