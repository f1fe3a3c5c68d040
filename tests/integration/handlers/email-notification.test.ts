import { afterEach, describe, expect, test } from '@jest/globals';
import { PermanentError, TransientError } from '../../../shared/jobs/job-errors.js';
import type { EmailResult } from '../../../workers/handlers/email-notification.js';
import { builtInJobs, type EmailSettings } from '../../../workers/handlers/index.js';
import { contextFor, failureOf, jobOf, runJob } from './context.js';
import { startDroppingServer, startSmtpServer, type SmtpTestServer } from './smtp-test-server.js';

const mail = { to: 'ann@example.test', subject: 'Grüße', text: 'Hello Ann' };
let toClose: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of toClose.reverse()) await close();
  toClose = [];
});

async function start(options?: Parameters<typeof startSmtpServer>[0]): Promise<SmtpTestServer> {
  const server = await startSmtpServer(options);
  toClose.push(() => server.close());
  return server;
}

function mailer(settings: EmailSettings) {
  const builtIn = builtInJobs({
    email: { from: 'Holdfast <jobs@example.test>', host: '127.0.0.1', ...settings },
  });
  toClose.push(() => builtIn.close());
  const job = jobOf(builtIn.jobs, 'email_notification');
  return (payload: object, context = contextFor()) => runJob<EmailResult>(job, payload, context);
}

describe('a mail', () => {
  test('reaches all its recipients, and only the open ones are named in it', async () => {
    const server = await start();
    const send = mailer({ port: server.port });
    const result = await send({
      ...mail,
      to: ['Ann Wood <ann@example.test>', 'bob@example.test'],
      cc: 'carl@example.test',
      bcc: 'dora@example.test',
      reply_to: 'desk@example.test',
      html: '<b>Hello</b>',
      headers: { 'X-Campaign': 'spring' },
    });
    const recipients = ['ann@example.test', 'bob@example.test', 'carl@example.test', 'dora@example.test'];
    expect(result).toMatchObject({ accepted: recipients, rejected: [] });
    expect(server.mails[0]?.recipients).toEqual(recipients);
    const source = server.mails[0]?.source ?? '';
    expect(source).toContain(`Message-ID: ${result.message_id}`);
    expect(source).toMatch(/^From: Holdfast <jobs@example\.test>\r$/m);
    expect(source).toMatch(/^To: Ann Wood <ann@example\.test>, bob@example\.test\r$/m);
    expect(source).toMatch(/^Reply-To: desk@example\.test\r$/m);
    expect(source).toMatch(/^X-Campaign: spring\r$/m);
    expect(source).toMatch(/^Subject: =\?UTF-8\?Q\?Gr=C3=BC=C3=9Fe\?=\r$/m);
    expect(source).not.toContain('dora');
  });

  test('carries the same Message-ID in each attempt of a job, and another one in another job', async () => {
    const server = await start();
    const send = mailer({ port: server.port });
    const first = await send(mail);
    const again = await send(mail, contextFor({ attempt: 2 }));
    const corrected = await send({ ...mail, subject: 'Corrected' });
    const other = await send(mail, contextFor({ jobId: 18 }));
    expect(first.message_id).toMatch(/^<holdfast-job-17\.[0-9a-f]{16}@example\.test>$/);
    expect(again.message_id).toBe(first.message_id);
    expect(new Set([first, corrected, other].map(({ message_id }) => message_id)).size).toBe(3);
  });

  test('shares its connection with those before it', async () => {
    const server = await start();
    const send = mailer({ url: `smtp://127.0.0.1:${server.port}`, maxConnections: 1 });
    await send(mail);
    await send(mail);
    await send(mail);
    expect(server.mails).toHaveLength(3);
    expect(server.connections).toBe(1);
  });

  test('may name its own sender', async () => {
    const server = await start();
    await mailer({ port: server.port })({ ...mail, from: 'Shop <shop@shop.test>' });
    expect(server.mails[0]?.source).toMatch(/^From: Shop <shop@shop\.test>\r$/m);
  });

  test('signs in when the server wants it', async () => {
    const server = await start({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) =>
        username === 'u' && password === 'right'
          ? done(null, { user: 'u' })
          : done(new Error('wrong password')),
    });
    await expect(mailer({ port: server.port, user: 'u', password: 'right' })(mail)).resolves.toMatchObject({
      rejected: [],
    });
    const error = await failureOf(mailer({ port: server.port, user: 'u', password: 'wrong' })(mail));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(/SMTP_PASSWORD/);
  });
});

describe('a refusal', () => {
  test('with a 5xx reply is for good, and says what the server said', async () => {
    const server = await start();
    const error = await failureOf(mailer({ port: server.port })({ ...mail, to: 'unknown@example.test' }));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toContain('550 no such mailbox');
  });

  test('with a 4xx reply is tried again', async () => {
    const server = await start();
    const send = mailer({ port: server.port });
    const error = await failureOf(send({ ...mail, to: 'greylisted@example.test' }));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('450 come back later');
  });

  test('of all recipients is tried again when it is for now for one of them', async () => {
    const server = await start();
    const to = ['greylisted@example.test', 'unknown@example.test'];
    await expect(mailer({ port: server.port })({ ...mail, to })).rejects.toThrow(TransientError);
  });

  test('of some recipients is in the result and in the log, for the others have the mail', async () => {
    const server = await start();
    const context = contextFor();
    const to = ['unknown@example.test', 'ann@example.test'];
    const result = await mailer({ port: server.port })({ ...mail, to }, context);
    expect(result).toMatchObject({ accepted: ['ann@example.test'], rejected: ['unknown@example.test'] });
    expect(context.logged.join()).toContain('unknown@example.test');
  });

  test('of the message itself follows its reply code too', async () => {
    const responseCodes = [554, 451];
    const server = await start({
      onData(stream, _session, done) {
        stream
          .resume()
          .once('end', () =>
            done(Object.assign(new Error('not this one'), { responseCode: responseCodes.shift() })),
          );
      },
    });
    const send = mailer({ port: server.port });
    await expect(send(mail)).rejects.toThrow(PermanentError);
    await expect(send(mail)).rejects.toThrow(TransientError);
  });
});

describe('trouble', () => {
  test('a server that hangs up is tried again', async () => {
    const server = await startDroppingServer();
    toClose.push(() => server.close());
    await expect(mailer({ port: server.port })(mail)).rejects.toThrow(TransientError);
  });

  test('a server that is not there is tried again', async () => {
    const server = await startDroppingServer();
    await server.close();
    await expect(mailer({ port: server.port })(mail)).rejects.toThrow(TransientError);
  });

  test('a server that falls silent is given up and tried again', async () => {
    const server = await start({ onRcptTo: () => undefined });
    await expect(mailer({ port: server.port, socketTimeoutMs: 50 })(mail)).rejects.toThrow(TransientError);
  });

  test('an abort ends the waiting and the connection, with the reason of the abort', async () => {
    const aborting = new AbortController();
    const reason = new Error('cancelled by the test');
    const server = await start({ onRcptTo: () => aborting.abort(reason) });
    const hungUp = server.disconnection();
    const sending = mailer({ port: server.port })(mail, contextFor({ signal: aborting.signal }));
    await expect(sending).rejects.toBe(reason);
    await hungUp;
    expect(server.mails).toEqual([]);
  });

  test('closing ends the connections that are kept open', async () => {
    const server = await start();
    const builtIn = builtInJobs({ email: { from: 'a@example.test', host: '127.0.0.1', port: server.port } });
    await runJob(jobOf(builtIn.jobs, 'email_notification'), mail);
    const hungUp = server.disconnection();
    await builtIn.close();
    await hungUp;
  });
});

describe('what is not configured', () => {
  test.each<[string, EmailSettings, RegExp]>([
    ['a server', { host: undefined }, /SMTP_URL or SMTP_HOST/],
    ['a readable address', { url: 'mail server' }, /SMTP_URL is not a valid address/],
    ['a sender', { from: undefined }, /SMTP_FROM/],
    ['a sender that is an address', { from: 'nobody' }, /SMTP_FROM is not a mail address/],
  ])('%s ends the job for good and says what to set', async (_what, settings, message) => {
    const error = await failureOf(mailer(settings)(mail));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toMatch(message);
  });
});
