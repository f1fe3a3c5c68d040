import type { Command } from 'commander';
import type { ApiClient } from '../../client/api-client.js';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { BadInput } from '../../failure.js';
import { numberOrText } from '../../input/option-values.js';
import { readJson } from '../../input/read-json.js';
import { relative } from '../../output/times.js';
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

interface ReplayOptions extends ClientOptions, SelectOptions, DeadLetterFilterOptions {
  readonly payload?: string;
  readonly note?: string;
  readonly rate?: number | string;
}

export function addReplayDeadLetters(deadLetters: Command): void {
  const command = deadLetters
    .command('replay')
    .summary('run dead letters again, by id or by filter')
    .description(
      'Runs dead letters again: those with these ids, or all open ones that filters find, after a look at how many that are, ' +
        'spread over time. Replaying one twice runs it once.',
    )
    .argument('[ids...]', 'the dead letters')
    .option('--payload <json>', 'of one: with this payload instead; JSON, @file, or @- for standard input')
    .option('--note <text>', 'kept with them')
    .option('--rate <number>', 'of many: as many a second', numberOrText);
  addBulkOptions(addDeadLetterFilter(command).option('--all', 'all open ones'));
  addClientOptions(
    command,
    `$ holdfast dead-letters replay 7
     $ holdfast dead-letters replay 7 --payload @payload.json --note 'address corrected'
     $ holdfast dead-letters replay --queue mail --dry-run                  how many?
     $ holdfast dead-letters replay --error-class transient --rate 20 --yes`,
  ).action(replayDeadLetters);
}

async function replayDeadLetters(ids: readonly string[], options: ReplayOptions): Promise<void> {
  const all = options.all ?? false;
  const { filter, options: consent } = readSelection(ids, toDeadLetterFilter(options), options, all);
  if (filter && options.payload !== undefined)
    throw new BadInput('--payload: corrects one dead letter, and this is about many');
  const payload = await readJson('--payload', options.payload);
  await withClient(options, async (client) => {
    if (filter) return replayMany(client, filter, consent);
    const [id = ''] = ids;
    const body = { payload, note: options.note };
    printDone(await client.post(apiPath`/api/dead-letters/${id}/replay`, body), options);
  });
}

interface ReplayAnswer extends BulkAnswer {
  readonly last_due_at: string | null;
}

/** In one call: the API spreads what it replays over time, and two calls would be side by side. */
function replayMany(client: ApiClient, filter: Filter, options: ReplayOptions): Promise<void> {
  const path = '/api/dead-letters/replay';
  const limit = options.limit === undefined ? MOST_LETTERS : numberOrText(options.limit);
  const body = { filter, rate_per_second: options.rate, limit };
  return runBulk<ReplayAnswer>(options, {
    verb: 'Replay',
    done: 'replayed',
    noun: 'dead letter',
    named: countNamed(filter),
    pageSize: Infinity,
    preview: () => client.post(path, { ...body, dry_run: true }),
    act: () => client.post(path, { ...body, note: options.note }),
    note: ({ last_due_at: at }) => (at === null ? undefined : `the last one is due ${relative(at)}`),
  });
}
