import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { BOUNDS } from './all-bounds.js';
import { isHeld, measureBound, type MeasuredBound } from './run/measure-bound.js';
import { printBounds } from './run/print-bounds.js';

const NAMES = BOUNDS.map(({ name }) => name);

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return number;
}

function boundName(text: string, before: readonly string[] = []): string[] {
  if (!NAMES.includes(text))
    throw new InvalidArgumentError(`there is none of that name: ${NAMES.join(', ')}`);
  return [...before, text];
}

/** `npm run chaos -- bounds` */
export function boundsCommand(): Command {
  return new Command('bounds')
    .description(
      'Measures each bound that Holdfast promises, each fault alone, and prints a table as Markdown.',
    )
    .option('--only <name>', 'measures this one; may be given several times', boundName)
    .option('--repeat <number>', 'how often each is measured (default: 3, the long ones once)', wholeNumber)
    .option('--json <file>', 'writes the readings there as JSON, too')
    .addHelpText(
      'after',
      `\nExit code 1: a bound was exceeded, or could not be measured.\n\nBounds:\n${BOUNDS.map(({ name, what }) => `  ${name}: ${what}`).join('\n')}`,
    )
    .action(runBounds);
}

async function runBounds(options: { only?: string[]; repeat?: number; json?: string }): Promise<void> {
  const { only = NAMES, repeat, json } = options;
  const startedAt = Date.now();
  const say = (line: string) =>
    console.error(`${((Date.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${line}`);
  const measured: MeasuredBound[] = [];
  for (const bound of BOUNDS.filter(({ name }) => only.includes(name)))
    measured.push(await measureBound(bound, repeat, say));
  console.log(printBounds(measured));
  if (json !== undefined) await writeFile(json, `${JSON.stringify(measured, null, 2)}\n`);
  process.exitCode = measured.every(isHeld) ? 0 : 1;
}
