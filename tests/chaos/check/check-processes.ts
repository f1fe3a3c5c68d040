import { eventually } from '../../support/eventually.js';
import type { World } from '../world/world.js';
import { violationsOf, type Violation } from './violation.js';

/** Exit code of a handler that called process.exit. */
const HANDLERS_EXIT = 3;
/** A lease, from when PostgreSQL and a coordinator were last away; see declareDeadWorkers. And a slow machine. */
const DECLARED_DEAD_MS = 45_000;

const OPEN_WORKERS = 'SELECT id FROM workers WHERE dead_at IS NULL AND stopped_at IS NULL';

/**
 * No process ended that nobody ended. At the end all are stopped gently, and must leave with 0 and nothing owned. A
 * process that starts while PostgreSQL is away may end and be started again.
 */
export async function checkProcesses({ members, db }: World): Promise<Violation[]> {
  const readOpen = async () => (await db.query<{ id: string }>(OPEN_WORKERS)).rows;
  const unexpected = members.flatMap(({ process }) =>
    process.ends
      .filter(
        ({ code, signal, isAsked, wasReady }) =>
          wasReady && !isAsked && code !== HANDLERS_EXIT && signal === null,
      )
      .map((end) => `${process.name} ended with ${end.code} at ${new Date(end.at).toISOString()}`),
  );
  await Promise.all(members.map(({ process }) => process.whenReady()));
  const workers = members.filter(({ process }) => process.spec.role === 'worker');
  // One that was killed while it owned nothing holds nobody up: it is on record until its lease is over.
  const areOnlyThese = async () => (await readOpen()).length === workers.length;
  await eventually('none but those that run are on record', areOnlyThese, DECLARED_DEAD_MS).catch(
    () => undefined,
  );
  await Promise.all(members.map(({ process }) => process.stop()));
  const unclean = members.flatMap(({ process }) => {
    const end = process.ends.at(-1);
    return end?.code === 0 ? [] : [`${process.name}: ${end?.code ?? end?.signal}`];
  });
  return [
    ...violationsOf('a process ended although nobody ended it', unexpected, (one) => one),
    ...violationsOf('a process did not stop cleanly at the end', unclean, (one) => one),
    ...violationsOf(
      'a worker is still on record as running after all stopped',
      await readOpen(),
      ({ id }) => id,
    ),
  ];
}
