import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface SmtpTestServer {
  readonly port: number;
  readonly mails: { readonly source: string; readonly recipients: string[] }[];
  connections: number;
  /** Settles when the next connection has ended. */
  disconnection(): Promise<void>;
  close(): Promise<void>;
}

const refuse = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode });

/** A real SMTP server: refuses unknown@ for good and greylisted@ for now, and takes mail for everybody else. */
export async function startSmtpServer(options: SMTPServerOptions = {}): Promise<SmtpTestServer> {
  const waiting: (() => void)[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    disableReverseLookup: true,
    closeTimeout: 10,
    onConnect(_session, done) {
      started.connections += 1;
      done();
    },
    onClose: () => waiting.splice(0).forEach((settle) => settle()),
    onRcptTo({ address }, _session, done) {
      if (address.startsWith('unknown@')) return done(refuse(550, 'no such mailbox'));
      if (address.startsWith('greylisted@')) return done(refuse(450, 'come back later'));
      done();
    },
    onData(stream, session, done) {
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      void text(stream).then((source) => {
        started.mails.push({ source, recipients });
        done();
      });
    },
    ...options,
  });
  // A client that hangs up in the middle is part of the tests.
  server.on('error', () => undefined);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const started: SmtpTestServer = {
    port: (listening.address() as AddressInfo).port,
    mails: [],
    connections: 0,
    disconnection: () => new Promise((settle) => waiting.push(settle)),
    close: () => new Promise((settle) => server.close(settle)),
  };
  return started;
}

/** A server that greets and then hangs up on each connection. */
export async function startDroppingServer(): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write('220 hello\r\n');
    socket.once('data', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}
