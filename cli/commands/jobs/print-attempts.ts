import { coloured, colourOfState } from '../../output/colours.js';
import { printLine } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { harmless } from '../../output/text.js';
import { duration, relative } from '../../output/times.js';
import type { Execution } from './job.js';

const COLUMNS: readonly Column<Execution>[] = [
  { title: '#', text: ({ attempt }) => String(attempt), align: 'right' },
  { title: 'OUTCOME', text: ({ status }) => status, colour: ({ status }) => colourOfState(status) },
  { title: 'STARTED', text: ({ started_at: at }) => relative(at) },
  { title: 'TOOK', text: ({ duration_ms: ms }) => duration(ms), align: 'right' },
  { title: 'WORKER', text: ({ worker_id: id }) => id ?? '-', isFlexible: true },
  { title: 'ERROR', text: ({ error_message: error }) => error ?? '', isFlexible: true },
];

/** @param isFull with stacks and logs */
export async function printAttempts(executions: readonly Execution[], isFull: boolean): Promise<void> {
  await printTable(executions, COLUMNS, 'none');
  if (isFull) executions.forEach(printStory);
}

function printStory({ attempt, status, error_message: error, error_stack: stack, logs }: Execution): void {
  printLine(`\nAttempt ${attempt}: ${status}`);
  for (const { at, level, message } of logs ?? []) printLine(`  ${at} ${level} ${message}`);
  const told = stack ?? error;
  if (told === null) return;
  for (const line of harmless(told).split('\n')) console.log(coloured(`  ${line}`, 'red'));
}
