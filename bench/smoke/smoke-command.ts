import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../../shared/package-root.js';
import { measureDrain } from '../measures/drain.js';
import { measurePickUp } from '../measures/pick-up.js';
import { measureBulkSubmit, measureSingleSubmits } from '../measures/submit.js';
import { inOwnHome, type OwnHome } from '../own-home.js';
import { median } from '../statistics.js';
import { measureYardstick } from './yardstick.js';

/** Holdfast against the yardstick of the same moment; more is better. */
type Ratios = Record<'bulk' | 'drain' | 'single' | 'pickUp', number>;

const KEPT = join(packageRoot, 'bench', 'smoke', 'ratios.json');
const ROUNDS = 5;
const JOBS = 100_000;
/** Medians of a run differ by up to a tenth from those of another one. */
const TOLERANCE = 0.2;

/** `npm run bench -- smoke`. */
export const smokeCommand = (): Command =>
  new Command('smoke')
    .description(
      'Has a change made Holdfast slower? Ratios to plain SQL measured in the same run, against those on record.',
    )
    .option('--keep', 'puts the ratios of this run on record instead')
    .action(run);

async function run({ keep }: { keep?: true }): Promise<void> {
  await inOwnHome(async (home) => {
    const rounds: Ratios[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      rounds.push(await measureRound(home));
      console.error(`round ${round} of ${ROUNDS}: ${JSON.stringify(rounds.at(-1))}`);
    }
    const medianOf = (key: keyof Ratios) =>
      Math.round(median(rounds.map((round) => round[key])) * 1_000) / 1_000;
    const now = {
      bulk: medianOf('bulk'),
      drain: medianOf('drain'),
      single: medianOf('single'),
      pickUp: medianOf('pickUp'),
    };
    if (keep) writeFileSync(KEPT, `${JSON.stringify(now, null, 2)}\n`);
    else judge(now, JSON.parse(readFileSync(KEPT, 'utf8')) as Ratios);
  });
}

async function measureRound(home: OwnHome): Promise<Ratios> {
  const { servers, client } = home;
  await home.empty();
  const before = await measureYardstick(servers);
  const bulk = await measureBulkSubmit(client, JOBS, 500, 4);
  const { jobsPerSecond } = await measureDrain(servers, JOBS, 1_000);
  await home.empty();
  const single = await measureSingleSubmits(client, 10_000, 64);
  await home.empty();
  const { p50Ms } = await measurePickUp(servers, client, 100);
  const after = await measureYardstick(servers);
  const both = (key: keyof typeof before) => (before[key] + after[key]) / 2;
  return {
    bulk: bulk / both('inserts'),
    drain: jobsPerSecond / both('doubleUpdates'),
    single: single / both('inserts'),
    pickUp: both('commitMs') / p50Ms,
  };
}

function judge(now: Ratios, kept: Ratios): void {
  let isSlower = false;
  console.log('| measure | against the yardstick | on record | change |\n| --- | ---: | ---: | ---: |');
  for (const key of Object.keys(kept) as (keyof Ratios)[]) {
    const change = now[key] / kept[key] - 1;
    isSlower ||= change < -TOLERANCE;
    console.log(`| ${key} | ${now[key]} | ${kept[key]} | ${(change * 100).toFixed(0)} % |`);
  }
  const what = `more than ${TOLERANCE * 100} % slower than on record`;
  console.log(
    isSlower ? `\n${what}: repeat it; if it stays, look at docs/performance.md` : `\nnothing is ${what}`,
  );
  process.exitCode = isSlower ? 1 : 0;
}
