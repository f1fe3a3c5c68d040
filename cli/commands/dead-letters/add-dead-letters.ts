import type { Command } from 'commander';
import { addDiscardDeadLetters } from './discard-dead-letters.js';
import { addGroupDeadLetters } from './group-dead-letters.js';
import { addListDeadLetters } from './list-dead-letters.js';
import { addNoteDeadLetter } from './note-dead-letter.js';
import { addReplayDeadLetters } from './replay-dead-letters.js';
import { addShowDeadLetter } from './show-dead-letter.js';

export function addDeadLetters(program: Command): void {
  const deadLetters = program
    .command('dead-letters')
    .alias('dlq')
    .summary('review jobs that failed for good, replay or discard them')
    .description('Looks at jobs that are out of retries, or failed for good, and decides about them.')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast dead-letters groups                       what goes wrong, and how often?
  $ holdfast dead-letters show 7
  $ holdfast dead-letters replay 7`,
    );
  const commands = [
    addGroupDeadLetters,
    addListDeadLetters,
    addShowDeadLetter,
    addNoteDeadLetter,
    addReplayDeadLetters,
    addDiscardDeadLetters,
  ];
  for (const add of commands) add(deadLetters);
}
