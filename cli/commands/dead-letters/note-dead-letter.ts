import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { BadInput } from '../../failure.js';
import { printJson, printLine } from '../../output/print.js';

interface NoteOptions extends ClientOptions {
  readonly remove?: boolean;
}

export function addNoteDeadLetter(deadLetters: Command): void {
  const command = deadLetters
    .command('note')
    .summary('write a note to a dead letter')
    .description('Writes a note to a dead letter, in the place of the one that was there.')
    .argument('<id>', 'the dead letter')
    .argument('[text]', 'the note')
    .option('--remove', 'take the note off');
  addClientOptions(
    command,
    `$ holdfast dead-letters note 7 'waits for the new address, ticket 1234'
     $ holdfast dead-letters note 7 --remove`,
  ).action(noteDeadLetter);
}

async function noteDeadLetter(id: string, text: string | undefined, options: NoteOptions): Promise<void> {
  if ((text === undefined) !== (options.remove ?? false))
    throw new BadInput('text: give a note, or --remove');
  await withClient(options, async (client) => {
    const answer = await client.patch(apiPath`/api/dead-letters/${id}`, { note: text ?? null });
    if (options.json) printJson(answer);
    else printLine(`dead letter ${id} has ${text === undefined ? 'no note' : 'the note'}`);
  });
}
