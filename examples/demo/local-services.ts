/** What the demo's jobs talk to: an HTTP server and a mail server, both on this machine only. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';

export interface LocalHttp {
  readonly url: string;
  close(): Promise<void>;
}

/** `/weather/:city`, `/orders` (POST), `/files/:name`, and `/flaky/:name?failures=n`: 503 n times, then 200. */
export async function startLocalHttp(filesDirectory: string): Promise<LocalHttp> {
  const failuresLeft = new Map<string, number>();
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const [, kind, name = ''] = url.pathname.split('/');
    if (kind === 'flaky') {
      const left = failuresLeft.get(name) ?? Number(url.searchParams.get('failures'));
      failuresLeft.set(name, left - 1);
      if (left > 0) return send(response, 503, { error: 'under maintenance, come back soon' });
      return send(response, 200, { name, items: 17 });
    }
    // As slow as a service on the other side of a network.
    await wait(80 + Math.random() * 170);
    if (kind === 'weather') return send(response, 200, { city: decodeURIComponent(name), degrees: 21 });
    if (kind === 'orders') return send(response, 201, { stored: JSON.parse(await text(request)) as unknown });
    if (kind !== 'files') return send(response, 404, { error: `nothing at ${url.pathname}` });
    const content = await readFile(join(filesDirectory, basename(name)));
    response.writeHead(200, { 'content-type': 'text/csv', 'content-length': content.length }).end(content);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export interface MailSink {
  readonly url: string;
  /** What arrived, as it was sent. */
  readonly mails: readonly { readonly to: string; readonly subject: string }[];
  close(): Promise<void>;
}

/** Takes all mail and keeps it in memory. `greylisted@…` is turned away the first time, as many servers do. */
export async function startMailSink(): Promise<MailSink> {
  const mails: { to: string; subject: string }[] = [];
  const turnedAway = new Set<string>();
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onRcptTo({ address }, _session, done) {
      if (!address.startsWith('greylisted@') || turnedAway.has(address)) return done();
      turnedAway.add(address);
      done(Object.assign(new Error('greylisted, try again later'), { responseCode: 451 }));
    },
    onData(stream, { envelope }, done) {
      text(stream).then((source) => {
        const to = envelope.rcptTo.map(({ address }) => address).join(', ');
        mails.push({ to, subject: /^subject: (.*)$/im.exec(source)?.[1]?.trim() ?? '' });
        done();
      }, done);
    },
  });
  // A sender that hangs up while we are being stopped is no news.
  server.on('error', () => undefined);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, mails, close: () => new Promise((done) => server.close(done)) };
}
