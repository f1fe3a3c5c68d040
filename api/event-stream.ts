import type { FastifyReply } from 'fastify';

export interface StreamEvent {
  readonly event: string;
  /** Where to go on: what a client sends back as Last-Event-ID. */
  readonly id: string;
  readonly data: unknown;
}

/** Proxies and browsers give up on a connection that says nothing. */
const HEARTBEAT_MS = 15_000;
/** Of what was sent in earlier turns: a client that has not read it yet is told nothing new. */
const MOST_UNREAD_BYTES = 1_048_576;
/** One that does not read for so long is let go; it comes back with its Last-Event-ID. */
const MOST_BEHIND_MS = 30_000;

/** Server-sent events over a reply that Fastify has let go of. */
export class EventStream {
  private heartbeat: NodeJS.Timeout | undefined;
  private isEnded = false;
  private behindSinceMs: number | undefined;

  constructor(
    private readonly reply: FastifyReply,
    onClose: () => void,
  ) {
    reply.hijack();
    // Its client has left while we read for it: nothing would tell us again.
    if (reply.raw.destroyed) {
      this.isEnded = true;
      onClose();
      return;
    }
    this.open();
    reply.raw.once('close', () => {
      this.isEnded = true;
      clearInterval(this.heartbeat);
      onClose();
    });
  }

  get isOpen(): boolean {
    return !this.isEnded;
  }

  /** Much of what was sent before is not read yet: ask again later. Asked before an event is sent, since what was just sent had no chance to leave. */
  get isBehind(): boolean {
    if (this.reply.raw.writableLength <= MOST_UNREAD_BYTES) {
      this.behindSinceMs = undefined;
      return false;
    }
    this.behindSinceMs ??= performance.now();
    if (performance.now() - this.behindSinceMs > MOST_BEHIND_MS) this.reply.raw.destroy();
    return true;
  }

  send({ event, id, data }: StreamEvent): void {
    if (this.isEnded) return;
    this.reply.raw.write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    clearInterval(this.heartbeat);
    const { raw } = this.reply;
    const timer = setTimeout(() => raw.destroy(), MOST_BEHIND_MS).unref();
    raw.once('close', () => clearTimeout(timer));
    raw.end();
  }

  private open(): void {
    const { raw } = this.reply;
    const headers = this.reply.getHeaders() as Record<string, string | string[]>;
    raw.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Nginx would keep events until its buffer is full.
      'x-accel-buffering': 'no',
    });
    raw.write('retry: 1000\n\n');
    this.heartbeat = setInterval(() => raw.write(': still here\n\n'), HEARTBEAT_MS);
  }
}
