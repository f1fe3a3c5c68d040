import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Where a proxy's connections lead. */
export interface TcpProxyOptions {
  readonly targetHost: string;
  readonly targetPort: number;
}

/** Between a client and its server (PostgreSQL, Redis): passes everything until it is told to be a bad network. */
export interface TcpProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Those open now, frozen ones too. */
  readonly connectionCount: number;
  /** From now on nothing passes on the present connections, not even that one side closed; new ones work. */
  freezeExisting(): void;
  /** The same, and new connections are accepted and left without an answer. */
  freezeAll(): void;
  /** Ends all freezing: what was held up goes on its way, as after a cable was plugged in again. */
  thaw(): void;
  /** New connections are reset until `accept`; present ones stay. */
  refuse(): void;
  accept(): void;
  /** Resets all present connections, on both sides. */
  cut(): void;
  /**
   * Lets the next client message that contains `text` reach the server, waits for the server's whole answer, keeps it, and
   * cuts that connection: what was asked is done, and the client cannot know. Resolves then, or when `cancelDrop` is called.
   *
   * @throws Error when another drop is still awaited
   */
  dropReplyTo(text: string): Promise<void>;
  cancelDrop(): void;
  /** Cuts everything and stops listening. */
  close(): Promise<void>;
}

/** Starts a proxy on a free port. */
export async function startTcpProxy({ targetHost, targetPort }: TcpProxyOptions): Promise<TcpProxy> {
  const links = new Set<Link>();
  let awaitedDrop: Drop | undefined;
  let isFreezingNew = false;
  let isRefusing = false;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isRefusing) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, connect({ host: targetHost, port: targetPort, allowHalfOpen: true }), {
      takeDropFor: (before, bytes) => {
        if (!awaitedDrop || !endsIn(bytes, awaitedDrop.text, before)) return undefined;
        const drop = awaitedDrop;
        awaitedDrop = undefined;
        return drop;
      },
      onGone: () => links.delete(link),
    });
    links.add(link);
    if (isFreezingNew) link.freeze();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const onEach = (act: (link: Link) => void) => [...links].forEach(act);
  const cancelDrop = () => {
    awaitedDrop?.resolve();
    awaitedDrop = undefined;
  };
  const freezeExisting = () => {
    isFreezingNew = false;
    onEach((link) => link.freeze());
  };
  const cut = () => onEach((link) => link.cut());
  return {
    port: (server.address() as AddressInfo).port,
    get connectionCount() {
      return links.size;
    },
    freezeExisting,
    freezeAll() {
      freezeExisting();
      isFreezingNew = true;
    },
    thaw() {
      isFreezingNew = false;
      onEach((link) => link.thaw());
    },
    refuse: () => void (isRefusing = true),
    accept: () => void (isRefusing = false),
    cut,
    dropReplyTo: (text) => {
      if (awaitedDrop) throw new Error('one drop at a time: the proxy still waits for another text');
      return new Promise((resolve) => (awaitedDrop = { text: Buffer.from(text), resolve }));
    },
    cancelDrop,
    async close() {
      cancelDrop();
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}

/** A proxy to the server of a URL, and the URL by way of the proxy. */
export async function startProxyTo(url: string): Promise<TcpProxy & { readonly url: string }> {
  const { hostname, port } = new URL(url);
  const proxy = await startTcpProxy({ targetHost: hostname, targetPort: Number(port) });
  const byWay = Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(proxy.port) });
  return Object.assign(proxy, { url: byWay.href });
}

/** A socket that is being shut down cannot be reset; Node would keep its handle for ever, and spin at the process's end. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

interface Drop {
  readonly text: Buffer;
  resolve(): void;
}

interface LinkHooks {
  /** The awaited drop, if its text ends in the client's bytes: it is this link's then. */
  takeDropFor(before: Buffer, bytes: Buffer): Drop | undefined;
  onGone(): void;
}

/** So much is kept of what came before. */
const TAIL_LENGTH = 1_024;

/** A text may be torn over two chunks; one that lies wholly in what came before is not meant. */
function endsIn(bytes: Buffer, text: Buffer, before: Buffer): boolean {
  const tornPart = text.length > 1 ? before.subarray(1 - text.length) : Buffer.alloc(0);
  return Buffer.concat([tornPart, bytes]).includes(text);
}

/** One client's connection and its counterpart to the server. */
class Link {
  private isFrozen = false;
  private openSides = 2;
  private drop: Drop | undefined;
  private tail = Buffer.alloc(0);
  private answer = Buffer.alloc(0);

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly hooks: LinkHooks,
  ) {
    client.on('data', (bytes: Buffer) => this.passUp(bytes));
    upstream.on('data', (bytes: Buffer) => this.passDown(bytes));
    this.tie(client, upstream);
    this.tie(upstream, client);
  }

  freeze(): void {
    this.isFrozen = true;
    this.client.pause();
    this.upstream.pause();
  }

  thaw(): void {
    if (!this.isFrozen) return;
    this.isFrozen = false;
    for (const [side, other] of [
      [this.client, this.upstream],
      [this.upstream, this.client],
    ] as const) {
      if (side.errored) other.resetAndDestroy();
      else if (side.readableEnded) other.end();
      else side.resume();
    }
  }

  cut(): void {
    this.isFrozen = false;
    reset(this.client);
    reset(this.upstream);
  }

  /** The end, or the loss, of one side is passed on to the other; in a frozen link nobody hears of it. */
  private tie(side: Socket, other: Socket): void {
    side.on('end', () => {
      if (!this.isFrozen) other.end();
    });
    side.on('error', () => undefined);
    side.on('close', (hadError) => {
      // A drop goes on without its client; without its server it is over.
      if (hadError && !this.isFrozen && !(this.drop && side === this.client)) reset(other);
      this.openSides--;
      if (this.openSides > 0) return;
      this.drop?.resolve();
      this.hooks.onGone();
    });
  }

  private passUp(bytes: Buffer): void {
    this.drop ??= this.hooks.takeDropFor(this.tail, bytes);
    this.tail = Buffer.concat([this.tail, bytes]).subarray(-TAIL_LENGTH);
    if (this.upstream.writableEnded) return;
    if (!this.upstream.write(bytes)) this.holdBack(this.client, this.upstream);
  }

  private passDown(bytes: Buffer): void {
    if (this.drop) return this.swallow(bytes);
    if (!this.client.write(bytes)) this.holdBack(this.upstream, this.client);
  }

  /** The slower side sets the pace. */
  private holdBack(from: Socket, to: Socket): void {
    from.pause();
    to.once('drain', () => {
      if (!this.isFrozen) from.resume();
    });
  }

  private swallow(bytes: Buffer): void {
    this.answer = Buffer.concat([this.answer, bytes]);
    if (!isWholeAnswer(this.answer)) return;
    // The server ends all that it was sent before it hangs up.
    this.upstream.once('close', () => reset(this.client));
    this.upstream.end();
  }
}

const READY_FOR_QUERY = Buffer.from('Z\0\0\0\x05');

/**
 * PostgreSQL's messages begin with a letter or a digit, and its last one, after the COMMIT, says that it is ready for
 * another query. Redis's answers begin with a sign, and are sent when all is done.
 */
function isWholeAnswer(answer: Buffer): boolean {
  const isPostgres = /^[0-9A-Za-z]/.test(String.fromCharCode(answer[0] as number));
  return !isPostgres || answer.subarray(-READY_FOR_QUERY.length - 1, -1).equals(READY_FOR_QUERY);
}
