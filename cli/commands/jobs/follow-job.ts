import { setTimeout as wait } from 'node:timers/promises';
import type { ApiClient } from '../../client/api-client.js';
import { ApiError } from '../../client/api-error.js';
import { apiPath } from '../../client/api-path.js';
import type { ServerEvent } from '../../client/read-events.js';
import { CommandFailure, FAILED } from '../../failure.js';
import { oneLine } from '../../output/text.js';
import { createStory } from './tell-story.js';

/** How often in a row a stream may break, or not be had, before this gives up; half a minute in all. */
const MOST_FAILURES = 30;
const PAUSE_MS = 1_000;

const ENDS = ['completed', 'failed', 'cancelled'];

/**
 * Tells what happens to a job until it ends.
 *
 * @throws CommandFailure unless it completes; ApiError
 */
export async function followToEnd(
  client: ApiClient,
  id: string | number,
  { json }: { readonly json?: boolean },
): Promise<void> {
  const story = await createStory(json ?? false);
  let last: ServerEvent['data'] | undefined;
  try {
    for await (const event of followEvents(client, id)) {
      story.tell(event);
      if (event.event === 'status') last = event.data;
    }
  } finally {
    story.end();
  }
  if (last?.status === 'completed') return;
  const error = typeof last?.error_message === 'string' ? `: ${oneLine(last.error_message)}` : '';
  throw new CommandFailure(
    FAILED,
    `job ${id} has ${last?.status === 'failed' ? 'failed' : 'been cancelled'}${error}`,
  );
}

/** A server that ends its streams lets its listeners go to another one: they go on from the last event. */
async function* followEvents(client: ApiClient, id: string | number): AsyncGenerator<ServerEvent, void> {
  const path = apiPath`/api/jobs/${id}/events`;
  let lastEventId: string | undefined;
  for (let failures = 0; ; failures += 1) {
    const events = await client.events(path, lastEventId).catch((error: unknown) => {
      if (isFinal(error, lastEventId) || failures >= MOST_FAILURES) throw error;
      return undefined;
    });
    if (events === null) return;
    for await (const event of events ?? []) {
      failures = 0;
      lastEventId = event.id;
      yield event;
      if (event.event === 'status' && ENDS.includes(String(event.data.status))) return;
    }
    await wait(PAUSE_MS);
  }
}

/** At first everything is said at once; later, only that there is no such job, or no right to see it. */
const isFinal = (error: unknown, lastEventId: string | undefined): boolean =>
  lastEventId === undefined || (error instanceof ApiError && error.status < 500 && error.status !== 429);
