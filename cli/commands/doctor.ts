import { Help, InvalidArgumentError, type Command } from 'commander';
import type { Config } from '../../config/load-config.js';
import { readWholeNumber } from '../../config/value-kinds.js';
import { messageOf } from '../../shared/errors.js';
import type { CheckedFinding } from '../../shared/diagnosis/check.js';
import { counted, worstOf, type FindingLevel } from '../../shared/diagnosis/finding.js';
import { packageVersion } from '../../shared/package-root.js';
import { coloured } from '../output/colours.js';
import { readSettings } from '../settings.js';

interface DoctorOptions {
  readonly json?: boolean;
  readonly transactionAge?: number;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('look for what is wrong, and say what to do')
    .description(
      'Looks at PostgreSQL, Redis and what runs jobs: versions, settings that lose data, room for connections, clocks, ' +
        'transactions left open, queues that nobody serves. Changes nothing. Ends with 0 when there is no problem ' +
        '(warnings are none), with 1 when there is one.',
    )
    .option(
      '--json',
      'for scripts: {"level", "version", "findings": [{"check", "level", "what", "meaning", "remedy"}]}',
    )
    .option(
      '--transaction-age <ms>',
      'tell of transactions open for longer; instead of 60000 for idle ones, 300000 for any',
      readAge,
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast doctor
  $ holdfast doctor --json | jq '.findings[] | select(.level != "ok")'
  $ holdfast doctor --transaction-age 5000      who has kept a transaction open for over five seconds?`,
    )
    .action(runDoctor);
}

function readAge(text: string): number {
  try {
    return readWholeNumber(text, { from: 0, to: 2_147_483_647 });
  } catch (error) {
    throw new InvalidArgumentError(`It ${messageOf(error)}.`);
  }
}

async function runDoctor({ json, transactionAge }: DoctorOptions): Promise<void> {
  const config = readSettings();
  const { diagnose } = await import('../../shared/diagnosis/diagnose.js');
  const findings = await diagnose({
    postgres: config.postgres,
    redis: config.redis,
    size: sizeOf(config),
    ...(transactionAge === undefined
      ? {}
      : { transactionAges: { idleMs: transactionAge, anyMs: transactionAge } }),
  });
  const level = worstOf(findings);
  if (json) console.log(JSON.stringify({ level, version: packageVersion, findings }, null, 2));
  else for (const line of describe(findings)) console.log(line);
  // A statement that PostgreSQL never answered would keep the process.
  process.exit(level === 'problem' ? 1 : 0);
}

const sizeOf = ({ postgres, worker, coordinator }: Config) => ({
  poolSize: postgres.poolSize,
  queueCount: Object.keys(worker.queues).length,
  coordinates: coordinator.isEnabled,
});

const MARK_WIDTH = 'problem'.length + 2;
const COLOURS = { ok: 'green', warning: 'yellow', problem: 'red' } as const;

function describe(findings: readonly CheckedFinding[]): string[] {
  const lines = findings.flatMap(({ level, what, meaning, remedy }) => {
    const texts = [what, meaning, remedy && `To do: ${remedy}`].filter((text) => text !== '');
    const [first = '', ...rest] = texts.flatMap(wrapped);
    return [marked(level) + first, ...rest.map((line) => ' '.repeat(MARK_WIDTH) + line)];
  });
  return [...lines, '', summarize(findings)];
}

/** To the width of a terminal; what goes into a file or a pipe stays on one line, for grep. */
const wrapped = (text: string): string[] =>
  process.stdout.isTTY ? new Help().boxWrap(text, process.stdout.columns - MARK_WIDTH).split('\n') : [text];

const marked = (level: FindingLevel): string => coloured(level.padEnd(MARK_WIDTH), COLOURS[level]);

function summarize(findings: readonly CheckedFinding[]): string {
  const count = (level: FindingLevel) => findings.filter((finding) => finding.level === level).length;
  return `${counted(count('problem'), 'problem')}, ${counted(count('warning'), 'warning')}, ${count('ok')} ok`;
}
