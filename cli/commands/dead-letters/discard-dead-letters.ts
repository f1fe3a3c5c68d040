import type { Command } from 'commander';
import type { ApiClient } from '../../client/api-client.js';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { numberOrText } from '../../input/option-values.js';
import { runBulk, type BulkAnswer } from '../bulk.js';
import {
  addBulkOptions,
  countNamed,
  readSelection,
  type Filter,
  type SelectOptions,
} from '../bulk-options.js';
import { printDone } from '../print-done.js';
import {
  MOST_LETTERS,
  addDeadLetterFilter,
  toDeadLetterFilter,
  type DeadLetterFilterOptions,
} from './dead-letter-filter.js';

interface DiscardOptions extends ClientOptions, SelectOptions, DeadLetterFilterOptions {
  readonly note?: string;
}

export function addDiscardDeadLetters(deadLetters: Command): void {
  const command = deadLetters
    .command('discard')
    .summary('decide not to run dead letters again')
    .description(
      'Closes dead letters without running them: those with these ids, or all open ones that filters find.',
    )
    .argument('[ids...]', 'the dead letters')
    .option('--note <text>', 'kept with them: why');
  addBulkOptions(addDeadLetterFilter(command).option('--all', 'all open ones'));
  addClientOptions(
    command,
    `$ holdfast dead-letters discard 7 --note 'the customer has left'
     $ holdfast dead-letters discard --fingerprint 0f3a9c51 --dry-run       how many?
     $ holdfast dead-letters discard --job-type newsletter --yes`,
  ).action(discardDeadLetters);
}

async function discardDeadLetters(ids: readonly string[], options: DiscardOptions): Promise<void> {
  const all = options.all ?? false;
  const { filter, options: consent } = readSelection(ids, toDeadLetterFilter(options), options, all);
  await withClient(options, async (client) => {
    if (filter) return discardMany(client, filter, consent);
    const [id = ''] = ids;
    printDone(await client.delete(apiPath`/api/dead-letters/${id}`, { note: options.note }), options);
  });
}

/** In one call: enough for a bar to move. */
const PAGE = 5_000;

function discardMany(client: ApiClient, filter: Filter, options: DiscardOptions): Promise<void> {
  const path = '/api/dead-letters/discard';
  const most = options.limit === undefined ? MOST_LETTERS : numberOrText(options.limit);
  const body = { filter, note: options.note };
  return runBulk<BulkAnswer>(options, {
    verb: 'Discard',
    done: 'discarded',
    noun: 'dead letter',
    named: countNamed(filter),
    pageSize: PAGE,
    preview: () => client.post(path, { ...body, limit: most, dry_run: true }),
    act: (limit) => client.post(path, { ...body, limit }),
  });
}
