import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { relative } from '../../output/times.js';
import { addPageOptions, printNextPage, type PageOptions, type Pagination } from '../next-page.js';
import type { ApiKey } from './key.js';

export function addListKeys(keys: Command): void {
  const command = keys
    .command('list')
    .alias('ls')
    .summary('list API keys, never their secrets')
    .description('Lists API keys: whose they are, what they may do, when they were used last.');
  addPageOptions(command, 'id');
  addClientOptions(
    command,
    `$ holdfast keys list
     $ holdfast keys list --json | jq '.keys[] | select(.last_used_at == null).name'`,
  ).action(listKeys);
}

async function listKeys(options: ClientOptions & PageOptions): Promise<void> {
  await withClient(options, async (client) => {
    const { limit, cursor } = options;
    const answer = await client.get<{ keys: ApiKey[]; pagination: Pagination }>('/api/keys', {
      limit,
      cursor,
    });
    if (options.json) return printJson(answer);
    await printTable(answer.keys, COLUMNS, 'no keys: `holdfast keys create NAME --role ROLE` makes one');
    printNextPage(answer.pagination);
  });
}

const COLUMNS: readonly Column<ApiKey>[] = [
  { title: 'ID', text: ({ id }) => String(id), align: 'right' },
  { title: 'NAME', text: ({ name }) => name, isFlexible: true },
  { title: 'ROLE', text: ({ role }) => role },
  { title: 'BEGINS', text: ({ prefix }) => prefix },
  { title: 'CREATED', text: ({ created_at: at }) => relative(at) },
  { title: 'USED', text: ({ last_used_at: at }) => (at === null ? 'never' : relative(at)) },
  {
    title: 'ENDS',
    text: ({ revoked_at: revokedAt, expires_at: expiresAt }) =>
      revokedAt === null ? relative(expiresAt) : `revoked ${relative(revokedAt)}`,
    colour: ({ revoked_at: revokedAt }) => (revokedAt === null ? undefined : 'grey'),
  },
];
