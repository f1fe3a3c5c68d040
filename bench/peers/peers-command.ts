import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { startBenchServers } from '../bench-servers.js';
import { describeMachine } from '../machine.js';
import { packageVersion } from '../../shared/package-root.js';
import { holdContest, PARTS, type Part } from './contest.js';
import { installPeers } from './install-peers.js';
import { PEERS_FOLDER, PEERS_NODE, SYSTEMS, type SystemName } from './peer-process.js';
import { toLines, toMarkdown } from './report.js';

interface PeersOptions {
  readonly repetitions: number;
  readonly systems: readonly SystemName[];
  readonly parts: readonly Part[];
  readonly backlog: number;
  readonly json?: string;
}

/** `npm run bench -- peers`. */
export const peersCommand = (whole: (text: string) => number): Command =>
  new Command('peers')
    .description(
      'The same work by Holdfast and by BullMQ, pg-boss and Graphile Worker, in turn on the same servers.',
    )
    .option('--repetitions <number>', 'medians of so many', whole, 3)
    .addOption(new Option('--systems <names...>', 'only these').choices(SYSTEMS).default(SYSTEMS))
    .addOption(new Option('--parts <names...>', 'only these measures').choices(PARTS).default(PARTS))
    .option(
      '--backlog <jobs>',
      'jobs that wait, of the parts backlog and waiting',
      inFiveThousands(whole),
      1_000_000,
    )
    .option('--json <file>', 'writes all that was measured there, too')
    .action(run);

/** A tenth of it is whole batches. */
const inFiveThousands =
  (whole: (text: string) => number) =>
  (text: string): number => {
    const count = whole(text);
    if (count === 0 || count % 5_000 !== 0) throw new InvalidArgumentError('must be a multiple of 5,000');
    return count;
  };

async function run({ repetitions, systems, parts, backlog, json }: PeersOptions): Promise<void> {
  const say = (line: string) => console.error(line);
  await installPeers(say);
  const servers = await startBenchServers();
  try {
    const results = await holdContest(servers, { repetitions, systems, parts, backlog, say });
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(Object.fromEntries(results), null, 2)}\n`);
    console.log(`\n${describeMachine(servers, PEERS_NODE)}`);
    console.log(`${systems.map(describeVersion).join(' · ')}. Medians of ${repetitions}.\n`);
    console.log(toMarkdown(toLines(results, backlog), systems));
  } finally {
    await servers.stop();
  }
}

function describeVersion(name: SystemName): string {
  if (name === 'holdfast') return `Holdfast ${packageVersion}`;
  const file = join(PEERS_FOLDER, 'node_modules', name, 'package.json');
  return `${name} ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`;
}
