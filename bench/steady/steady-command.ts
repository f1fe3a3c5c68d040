import { Command } from 'commander';
import { startBenchServers } from '../bench-servers.js';
import { describeMachine } from '../machine.js';
import { installPeers } from '../peers/install-peers.js';
import { PEERS_NODE } from '../peers/peer-process.js';
import { toLine, toMarkdown } from './report.js';
import { runLoad, type Interval, type LoadPlan } from './run-load.js';

interface SteadyOptions {
  readonly minutes: number;
  /** Jobs per second. */
  readonly rate: number;
}

/** Minutes; see `planLoad`. */
const LONG_ENOUGH = 15;

/** `npm run bench -- steady`. */
export const steadyCommand = (whole: (text: string) => number): Command =>
  new Command('steady')
    .description(
      'The same load for a long time, with retention on: does anything grow, does anything become slower?',
    )
    .option('--minutes <number>', 'how long', whole, 30)
    .option('--rate <jobs>', 'submitted per second', whole, 1_000)
    .action(run);

async function run({ minutes, rate }: SteadyOptions): Promise<void> {
  const say = (line: string) => console.error(line);
  // It has the Node that the peers are measured on, and the processes that load and work.
  await installPeers(say);
  const servers = await startBenchServers();
  try {
    const plan = planLoad(minutes, rate);
    const retention = `${plan.retentionMs / 1_000} s`;
    say(`${rate} jobs/s for ${minutes} min; finished jobs are kept for ${retention}`);
    const intervals: Interval[] = [];
    const unfinished = await runLoad(servers, plan, (interval) => {
      intervals.push(interval);
      const minute = (intervals.length * plan.intervalMs) / 60_000;
      say(`minute ${Math.round(minute * 10) / 10}: ${toLine(interval)}`);
    });
    console.log(`\n${describeMachine(servers, PEERS_NODE)}`);
    console.log(`${rate} jobs/s for ${minutes} min, retention of ${retention}.\n`);
    console.log(toMarkdown(intervals));
    console.log(`\nUnfinished in the end: ${unfinished}.`);
    if (minutes < LONG_ENOUGH) console.log(`In less than ${LONG_ENOUGH} min sizes do not come to a stand.`);
  } finally {
    await servers.stop();
  }
}

/**
 * Intervals of a minute, or shorter so that all thirds have as many. The pruner makes a round a minute, and vacuum needs one or two
 * more to follow: with a retention of a tenth of it, a run of a quarter of an hour has its size before the first third is over.
 */
function planLoad(minutes: number, perSecond: number): LoadPlan {
  const intervals = 3 * Math.ceil(minutes / 3);
  return {
    perSecond,
    intervals,
    intervalMs: (minutes * 60_000) / intervals,
    retentionMs: minutes * 6_000,
  };
}
