import { Command } from 'commander';
import type { Servers } from '../../servers/start-servers.js';
import { migrate } from '../../shared/postgres/migrate.js';
import { startBenchServers } from '../bench-servers.js';
import { describeMachine } from '../machine.js';
import { measureDrain } from '../measures/drain.js';
import { measurePickUp } from '../measures/pick-up.js';
import { measureBulkSubmit } from '../measures/submit.js';
import { openOwnHome, type OwnHome } from '../own-home.js';
import { median } from '../statistics.js';
import { holdSnapshot, withClient } from '../with-client.js';
import { fillWithHistory, fillWithWaiting } from './burdens.js';

interface FlatnessOptions {
  readonly history: number;
  readonly waiting: number;
  readonly rounds: number;
}

interface Figures {
  readonly bulk: number;
  readonly drain: number;
  readonly pickUpP50: number;
  readonly pickUpP99: number;
}

const JOBS = 100_000;
const SAMPLES = 200;
const MEASURES = ['bulk', 'drain', 'pickUpP50', 'pickUpP99'] as const;

/** `npm run bench -- flatness`. */
export const flatnessCommand = (whole: (text: string) => number): Command =>
  new Command('flatness')
    .description(
      'Is it as fast with a long history, with many jobs waiting, under an old snapshot, as it is empty?',
    )
    .option('--history <jobs>', 'finished jobs, each with its attempt', whole, 10_000_000)
    .option('--waiting <jobs>', 'jobs that wait in a queue of their own', whole, 1_000_000)
    .option('--rounds <number>', 'medians of so many', whole, 3)
    .action(run);

/** Each burden has a database of its own on the same servers, so that they can be measured in turn. */
async function run({ history, waiting, rounds }: FlatnessOptions): Promise<void> {
  const say = (line: string) => console.error(line);
  const servers = await startBenchServers();
  const homes = new Map<string, OwnHome>();
  try {
    homes.set('empty', await openOwnHome(servers));
    say(`a history of ${history} jobs …`);
    homes.set('history', await openIn(servers, 'history', (home) => fillWithHistory(home, history)));
    say(`${waiting} jobs that wait …`);
    homes.set('waiting', await openIn(servers, 'waiting', (home) => fillWithWaiting(home, waiting)));
    homes.set(
      'old snapshot',
      await openIn(servers, 'pinned', (home) => holdSnapshot(home.servers.postgresUrl)),
    );
    const figures = new Map([...homes.keys()].map((name): [string, Figures[]] => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const [name, home] of homes) {
        const one = await measureOnce(home);
        figures.get(name)?.push(one);
        say(`${round}/${rounds} ${name}: ${JSON.stringify(one)}`);
      }
    }
    print(servers, figures);
  } finally {
    for (const home of homes.values()) await home.close();
    await servers.stop();
  }
}

async function openIn(
  servers: Servers,
  database: string,
  burden: (home: OwnHome) => Promise<unknown>,
): Promise<OwnHome> {
  await withClient(servers.postgresUrl, (client) =>
    client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`),
  );
  const postgresUrl = new URL(`/${database}`, servers.postgresUrl).href;
  await migrate('up', { connectionString: postgresUrl });
  const home = await openOwnHome({ ...servers, postgresUrl });
  await burden(home);
  return home;
}

async function measureOnce({ servers, client }: OwnHome): Promise<Figures> {
  const bulk = await measureBulkSubmit(client, JOBS, 500, 4);
  const { jobsPerSecond } = await measureDrain(servers, JOBS, 1_000);
  const { p50Ms, p99Ms } = await measurePickUp(servers, client, SAMPLES);
  return { bulk, drain: jobsPerSecond, pickUpP50: p50Ms, pickUpP99: p99Ms };
}

function print(servers: Servers, figures: ReadonlyMap<string, readonly Figures[]>): void {
  console.log(`\n${describeMachine(servers)}\n`);
  console.log(
    '| with | bulk submit, jobs/s | drain, jobs/s | pick-up p50, ms | p99, ms |\n| --- | ---: | ---: | ---: | ---: |',
  );
  for (const [name, ofOne] of figures) {
    const cells = MEASURES.map((key) => median(ofOne.map((one) => one[key])));
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}
