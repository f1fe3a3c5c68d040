import type { FastifyReply } from 'fastify';

export interface StreamEvent {
  readonly event: string;
  /** Where to go on: what a client sends back as Last-Event-ID. */
  readonly id: string;
  readonly data: unknown;
}

/** Proxies and browsers give up on a connection that says nothing. */
const HEARTBEAT_MS = 15_000;
/** A client that does not read is let go; it comes back with its Last-Event-ID. */
const MOST_UNSENT_BYTES = 1_048_576;

/** Server-sent events over a reply that Fastify has let go of. */
export class EventStream {
  private readonly heartbeat: NodeJS.Timeout;
  private isEnded = false;

  constructor(
    private readonly reply: FastifyReply,
    onClose: () => void,
  ) {
    reply.hijack();
    const headers = reply.getHeaders() as Record<string, string | string[]>;
    reply.raw.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Nginx would keep events until its buffer is full.
      'x-accel-buffering': 'no',
    });
    reply.raw.write('retry: 1000\n\n');
    this.heartbeat = setInterval(() => reply.raw.write(': still here\n\n'), HEARTBEAT_MS);
    reply.raw.once('close', () => {
      this.isEnded = true;
      clearInterval(this.heartbeat);
      onClose();
    });
  }

  get isOpen(): boolean {
    return !this.isEnded;
  }

  send({ event, id, data }: StreamEvent): void {
    if (this.isEnded) return;
    this.reply.raw.write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
    if (this.reply.raw.writableLength > MOST_UNSENT_BYTES) this.reply.raw.destroy();
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    clearInterval(this.heartbeat);
    this.reply.raw.end();
  }
}
