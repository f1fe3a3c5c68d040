import { Agent, request } from 'undici';
import { parseEvent, type ServerEvent } from '../../../cli/client/read-events.js';

export interface EventReader {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  /** The next event; undefined when the stream has ended. */
  next(): Promise<ServerEvent | undefined>;
  /** All that comes until the stream ends. */
  rest(): Promise<ServerEvent[]>;
  close(): Promise<void>;
}

/** Reads server-sent events, over a connection of its own. */
export async function readEvents(url: string, lastEventId?: string): Promise<EventReader> {
  const dispatcher = new Agent();
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const answer = await request(url, { dispatcher, headers });
  const blocks = readBlocks(answer.body);

  async function next(): Promise<ServerEvent | undefined> {
    for (;;) {
      const { done, value } = await blocks.next();
      if (done) return undefined;
      const event = parseEvent(value);
      if (event) return event;
    }
  }
  return {
    status: answer.statusCode,
    headers: answer.headers,
    next,
    rest: async () => {
      const all: ServerEvent[] = [];
      for (let event = await next(); event; event = await next()) all.push(event);
      return all;
    },
    close: async () => {
      // What is still unread is not wanted.
      answer.body.on('error', () => undefined);
      await dispatcher.destroy();
    },
  };
}

async function* readBlocks(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let text = '';
  for await (const chunk of chunks) {
    text += chunk.toString('utf8');
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    yield* blocks;
  }
}
