import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startServers, type Servers } from '../../../servers/start-servers.js';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { createEventHub } from '../../../shared/observe/events.js';
import { logEvents } from '../../../shared/observe/log-events.js';
import { silentLogger, type LogFields } from '../../../shared/observe/logger.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** What each role says while a Redis of our own is away, and why. */
const PASSWORD = 'hunter2';
const echo = actJob('echo', (payload) => payload);
const ROLES = ['api', 'worker', 'coordinator'] as const;
type Role = (typeof ROLES)[number];

interface Line {
  readonly message: string;
  readonly error: unknown;
}

(hasRedis ? describe : describe.skip)('a Redis that goes away', () => {
  let db: TestInstallation;
  let servers: Servers;
  const lines: Record<Role, Line[]> = { api: [], worker: [], coordinator: [] };
  const stopping: (() => Promise<unknown>)[] = [];
  const given = { ...process.env };
  beforeAll(async () => {
    db = await createTestInstallation({ redis: false });
    // What the environment names is not ours to stop, and its password not ours to change.
    for (const name of ['REDIS_URL', 'REDIS_HOST']) delete process.env[name];
    servers = await startServers();
  }, 60_000);
  afterEach(async () => {
    for (const stop of stopping.splice(0).reverse()) await stop();
  });
  afterAll(async () => {
    await servers.stop();
    await db.close();
    Object.assign(process.env, given);
  });

  async function open(role: Role): Promise<Installation> {
    const say = (message: string, fields?: LogFields) =>
      void lines[role].push({ message, error: fields?.error });
    const logger = { ...silentLogger, info: say, warn: say, error: say };
    const events = createEventHub();
    logEvents(events, logger);
    const url = new URL(servers.redis!.url);
    url.password = PASSWORD;
    const installation = await openInstallation({
      postgres: { connectionString: db.connectionString },
      redis: { url: url.href },
      events,
      logger,
    });
    stopping.push(() => installation.close());
    return installation;
  }

  /** From now on our password is wrong, and whoever is connected must come again. */
  async function changePassword(): Promise<void> {
    const redis = new Redis(servers.redis!.url, { password: PASSWORD });
    redis.on('error', () => undefined);
    await redis.config('SET', 'requirepass', 'another');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    redis.disconnect();
  }

  const ofRedis = (role: Role) => lines[role].filter(({ message }) => message.startsWith('Redis is'));
  const said = (role: Role, pattern: RegExp) =>
    eventually(`the ${role} says ${pattern}`, () =>
      ofRedis(role).some(({ message, error }) => pattern.test(`${message}: ${String(error)}`)),
    );

  test('is told once in every role, with the reason and without the password, and so is its return', async () => {
    if (!servers.redis?.isControllable) return;
    // Started anew, it asks for no password: ioredis says so on the console.
    const silence = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    stopping.push(async () => silence.mockRestore());
    const first = new Redis(servers.redis.url);
    await first.config('SET', 'requirepass', PASSWORD);
    first.disconnect();
    const client = await createClient({ installation: await open('api') });
    const worker = createWorker({ installation: await open('worker'), jobs: [echo], pollIntervalMs: 50 });
    const coordinator = new Coordinator({ installation: await open('coordinator') });
    for (const service of [worker, coordinator]) {
      await service.start();
      stopping.push(() => service.stop());
    }
    const run = async () => client.result((await client.submit(echo, {})).id);
    await run();
    expect(ROLES.map(ofRedis)).toEqual([[], [], []]);

    await changePassword();
    for (const role of ROLES) await said(role, /^Redis is away .*WRONGPASS/);
    await run();
    await eventually('the coordinator sweeps', () =>
      lines.coordinator.some(({ message }) => message.includes('parts of a sweep failed')),
    );
    await servers.redis.stop();
    for (const role of ROLES) await said(role, /^Redis is still away, .*ECONNREFUSED/);
    await run();

    await servers.redis.start();
    for (const role of ROLES) await said(role, /^Redis is back/);
    await run();
    for (const role of ROLES)
      expect(ofRedis(role)).toEqual([
        { message: expect.stringContaining('Redis is away'), error: expect.stringContaining('WRONGPASS') },
        {
          message: expect.stringContaining('Redis is still away'),
          error: expect.stringContaining('ECONNREFUSED'),
        },
        { message: 'Redis is back', error: undefined },
      ]);
    const undispatched = lines.api.filter(({ message }) => message.includes('could not be pushed'));
    expect(undispatched[0]?.error).toMatch(/WRONGPASS/);
    for (const { error } of Object.values(lines).flat())
      expect(String(error)).not.toMatch(/max retries|writeable|hunter2/);
  }, 60_000);
});
