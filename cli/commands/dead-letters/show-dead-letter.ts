import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { coloured, colourOfState } from '../../output/colours.js';
import { printDetails, printJson, printTitle, shownJson } from '../../output/print.js';
import { countOf, harmless } from '../../output/text.js';
import { exact } from '../../output/times.js';
import { printAttempts } from '../jobs/print-attempts.js';
import type { DeadLetterDetail } from './dead-letter.js';

export function addShowDeadLetter(deadLetters: Command): void {
  const command = deadLetters
    .command('show')
    .summary('show a dead letter with all attempts and stacks')
    .description(
      'Shows a dead letter: what the job was given, each attempt with its log and stack, and what became of it.',
    )
    .argument('<id>', 'the dead letter');
  addClientOptions(
    command,
    `$ holdfast dead-letters show 7
     $ holdfast dead-letters show 7 --json | jq .dead_letter.payload > payload.json`,
  ).action(showDeadLetter);
}

async function showDeadLetter(id: string, options: ClientOptions): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.get<{ dead_letter: DeadLetterDetail }>(apiPath`/api/dead-letters/${id}`);
    if (options.json) return printJson(answer);
    const letter = answer.dead_letter;
    printDeadLetter(letter);
    if (letter.executions.length === 0) return;
    printTitle('Attempts');
    await printAttempts(letter.executions, true);
  });
}

function printDeadLetter(letter: DeadLetterDetail): void {
  const { reviewed_at: reviewedAt, reviewed_by: reviewer } = letter;
  printDetails([
    ['Dead letter', `${letter.id}  ${harmless(letter.job_type)}`],
    ['Status', coloured(letter.status, colourOfState(letter.status))],
    ['Reason', letter.reason],
    ['Job', `${letter.job_id} (${letter.job_status ?? 'deleted'})`],
    ['Queue', letter.queue],
    ['Attempts', letter.attempts],
    ['Filed', exact(letter.created_at)],
    ['Reviewed', reviewedAt && exact(reviewedAt) + (reviewer === null ? '' : ` by ${harmless(reviewer)}`)],
    ['Replayed as', describeReplay(letter)],
    ['Died', letter.replays.length > 1 ? describeDeaths(letter) : null],
    ['Note', letter.note && harmless(letter.note)],
    ['Fingerprint', letter.fingerprint],
    ['Payload', shownJson(letter.payload)],
    ['Corrected to', letter.is_corrected ? shownJson(letter.replayed_payload) : null],
    ['Error', letter.error_message && harmless(letter.error_message)],
  ]);
}

const describeReplay = ({
  replayed_job_id: id,
  is_corrected: isCorrected,
}: DeadLetterDetail): string | null =>
  id === null ? null : `job ${id}${isCorrected ? ', with another payload' : ''}`;

/** A job that was replayed may die again: where each time is on record. */
const describeDeaths = ({ replays }: DeadLetterDetail): string =>
  `${countOf(replays.length, 'time')}: dead letters ${replays.map(({ id, status }) => `${id} (${status})`).join(', ')}`;
