import type { ApiClient } from '../../client/api-client.js';
import type { ClientOptions } from '../../client/client-options.js';
import { isPassing, patiently } from '../../client/patiently.js';
import { CommandFailure, exitCodeOf } from '../../failure.js';
import type { Interruption } from '../../interruption.js';
import { printNote } from '../../output/print.js';
import { grouped } from '../../output/text.js';
import { adviseAfter, adviseInterrupted, namingLines } from './batch-advice.js';
import type { Chunk } from './chunk-lines.js';

export interface BatchOptions extends ClientOptions {
  readonly batch: string;
  readonly format?: string;
  readonly fromLine?: number;
  readonly idempotencyKey?: string;
}

/** How far it is. */
export interface Done {
  readonly ids: number[];
  /** Jobs that were there already, with the same key. */
  existing: number;
  /** The line after the last one that was submitted. */
  nextLine: number;
}

/** What a part of the work needs to know. */
export interface Batch {
  readonly options: BatchOptions;
  readonly client: ApiClient;
  readonly interruption: Interruption;
  readonly done: Done;
}

interface BatchAnswer {
  readonly job_ids: readonly number[];
  /** Older APIs do not say. */
  readonly existing?: number;
}

/** Where a batch is, for advice. */
export const standOf = ({ ids, nextLine }: Done, { idempotencyKey }: BatchOptions) => ({
  from: nextLine,
  submitted: ids.length,
  isRepeatable: idempotencyKey !== undefined,
});

/**
 * A request that is under way is let come to its end: broken off, nobody would know what became of its lines.
 *
 * @throws CommandFailure with what to do next
 */
export async function submitChunk(
  { jobs, lines }: Chunk,
  { options, client, interruption, done }: Batch,
): Promise<BatchAnswer> {
  const { signal } = interruption;
  const [from, to] = [lines[0] ?? 0, lines.at(-1) ?? 0];
  const tell = () => {
    const which = `lines ${grouped(from)} to ${grouped(to)}`;
    printNote(
      `stopping when ${which} are answered for; a second signal ends it at once and leaves them open`,
    );
  };
  signal.addEventListener('abort', tell);
  try {
    return await patiently(() => client.post<BatchAnswer>('/api/jobs/batch', { jobs }), undefined, signal);
  } catch (error) {
    const stand = { ...standOf(done, options), from };
    if (signal.aborted && isPassing(error)) throw interruption.toFailure(adviseInterrupted(stand));
    const text = `${namingLines(error, lines)}\n${adviseAfter(error, { ...stand, to })}`;
    throw new CommandFailure(exitCodeOf(error), text, { cause: error });
  } finally {
    signal.removeEventListener('abort', tell);
  }
}
