import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { World } from '../world/world.js';
import type { FaultKind } from './fault.js';

const onPostgres = (
  name: string,
  weight: number,
  act: (world: World, ms: number) => Promise<unknown>,
  [from, to]: readonly [number, number] = [0, 0],
): FaultKind => ({
  name: `PostgreSQL: ${name}`,
  weight,
  prepare({ world, random }) {
    const ms = Math.round(random.between(from, to));
    return {
      what: to === 0 ? `PostgreSQL: ${name}` : `PostgreSQL: ${name}, ${ms} ms`,
      disturbs: ['postgres'],
      async inject() {
        await act(world, ms);
      },
    };
  },
});

async function killAndWait({ servers }: World, ms: number): Promise<void> {
  await servers.postgres.kill();
  await wait(ms);
  await servers.postgres.start();
}

const TERMINATE = `
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
   WHERE pid <> pg_backend_pid() AND application_name LIKE 'holdfast%' AND random() < $1`;

const terminateBackends = ({ db }: World) => db.query(TERMINATE, [0.7]);

/** Takes every connection that PostgreSQL has left; those that break are refused when they come back. */
async function exhaustConnections({ servers }: World, ms: number): Promise<void> {
  const clients: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: servers.postgresUrl, application_name: 'crowd' });
    client.on('error', () => undefined);
    const isIn = await client.connect().then(
      () => true,
      () => false,
    );
    if (!isIn) break;
    clients.push(client);
  }
  // Some of the engine's connections break now, and cannot come back.
  await clients[0]?.query(TERMINATE, [0.2]).catch(() => undefined);
  await wait(ms);
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
}

/** A person's transaction holds rows that the engine wants. */
async function holdRows({ db }: World, ms: number): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query(
      `SELECT 1 FROM jobs WHERE completed_at IS NULL AND random() < 0.3 LIMIT 50 FOR UPDATE SKIP LOCKED`,
    );
    await wait(ms);
  });
}

/** What is committed although its reply never comes. Each text is part of one statement of the engine. */
const STATEMENTS = {
  submit: 'INSERT INTO jobs (',
  claim: 'INSERT INTO claim_batches',
  completion: "status = 'completed', completed_at",
  retry: 'retry_count = retry_count + 1',
} as const;

const DROP_LIMIT_MS = 3_000;

const droppedReply = (weight: number): FaultKind => ({
  name: 'PostgreSQL: the reply to a commit is dropped',
  weight,
  prepare({ world, random }) {
    const name = random.pick(Object.keys(STATEMENTS) as (keyof typeof STATEMENTS)[]);
    const role = name === 'submit' ? 'api' : 'worker';
    const member = random.pick(world.members.filter(({ process }) => process.spec.role === role));
    return {
      what: `PostgreSQL: the reply to a ${name} of ${member.process.name} is dropped`,
      disturbs: [`link of ${member.process.name}`],
      async inject() {
        const limit = setTimeout(() => member.link.postgres.cancelDrop(), DROP_LIMIT_MS);
        await member.link.postgres.dropReplyTo(STATEMENTS[name]).catch(() => undefined);
        clearTimeout(limit);
      },
    };
  },
});

const halfOpen = (weight: number): FaultKind => ({
  name: 'PostgreSQL: half-open connections',
  weight,
  prepare({ world, random }) {
    const member = random.pick(world.members);
    return {
      what: `PostgreSQL: connections of ${member.process.name} go half open`,
      disturbs: [`link of ${member.process.name}`],
      inject: async () => member.link.postgres.freezeExisting(),
    };
  },
});

export const POSTGRES_FAULTS: readonly FaultKind[] = [
  onPostgres('killed and started', 5, killAndWait, [0, 2_000]),
  onPostgres('backends terminated', 7, terminateBackends),
  onPostgres('no connection left', 3, exhaustConnections, [1_000, 3_000]),
  onPostgres('rows held by a transaction', 3, holdRows, [1_000, 3_000]),
  droppedReply(8),
  halfOpen(3),
];
