import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printDone } from '../print-done.js';

export function addRevokeKey(keys: Command): void {
  const command = keys
    .command('revoke')
    .summary('end an API key')
    .description('Ends an API key. Requests with it are refused from then on; it cannot be taken back.')
    .argument('<id>', 'the key’s id; `keys list` shows it');
  addClientOptions(command, `$ holdfast keys revoke 3`).action((id: string, options: ClientOptions) =>
    withClient(options, async (client) => {
      printDone(await client.delete(apiPath`/api/keys/${id}`), options);
    }),
  );
}
