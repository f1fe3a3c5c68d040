import { Random } from '../random.js';
import type { World } from '../world/world.js';
import { meddle } from './meddle.js';
import { Promises } from './promises.js';
import { startSchedules } from './start-schedules.js';
import { submitByHttp } from './submit-by-http.js';
import { submitByLibrary } from './submit-by-library.js';
import { submitBySql } from './submit-by-sql.js';

export interface Load {
  readonly promises: Promises;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/** Everybody who submits and meddles. */
export async function startLoad(world: World, { seed, load }: { seed: number; load: number }): Promise<Load> {
  const promises = new Promises();
  const contextOf = (offset: number) => ({ world, promises, random: new Random(seed + offset) });
  const everybody = [
    ...[1, 2, 3, 4].map((client) => submitByHttp(contextOf(client), 120 / load)),
    await submitByLibrary(contextOf(10), 1_000 / load),
    submitBySql(contextOf(20), 250 / load),
    meddle(contextOf(30), 100),
    await startSchedules(world),
  ];
  return {
    promises,
    async stop() {
      await Promise.all(everybody.map((one) => one.stop()));
    },
  };
}
