/** `npm run chaos`: see docs/reliability.md. */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { boundsCommand } from './bounds/bounds-command.js';
import { printReport } from './report/print-report.js';
import { runChaos } from './run-chaos.js';

const positive = (text: string): number => {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError('must be a number above 0');
  return number;
};

interface RunOptions {
  readonly minutes: number;
  readonly seed?: number;
  readonly faultEvery: number;
  readonly load: number;
  readonly workers: number;
  readonly json?: string;
}

async function run({ minutes, seed, faultEvery, load, workers, json }: RunOptions): Promise<void> {
  const chosenSeed = seed ?? randomInt(1, 1_000_000);
  console.error(`seed ${chosenSeed}: repeat with npm run chaos -- --minutes ${minutes} --seed ${chosenSeed}`);
  const report = await runChaos({
    seed: chosenSeed,
    minutes,
    faultEveryMs: faultEvery,
    load,
    workers,
    log: (line) => console.error(line),
  });
  console.log(printReport(report));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
}

const program = new Command('npm run chaos --')
  .description(
    'Runs Holdfast on private servers under load and faults, and checks that nothing is lost or recorded twice.',
  )
  .option('--minutes <number>', 'how long faults are injected', positive, 1)
  .option('--seed <number>', 'decides which faults come when; a seed repeats its plan', positive)
  .option('--fault-every <ms>', 'from one fault to the next, on average', positive, 4_000)
  .option('--load <factor>', 'how fast jobs are submitted; 1 is about 180 a second', positive, 1)
  .option('--workers <number>', 'worker processes', positive, 4)
  .option('--json <file>', 'writes the report there as JSON, too')
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run chaos\n  $ npm run chaos -- --minutes 8 --seed 42\n  $ npm run chaos -- bounds',
  )
  // `--json` is an option of both: what comes after `bounds` is its own.
  .enablePositionalOptions()
  .action(run)
  .addCommand(boundsCommand());

await program.parseAsync();
