import type { Command } from 'commander';
import { addCreateKey } from './create-key.js';
import { addListKeys } from './list-keys.js';
import { addRevokeKey } from './revoke-key.js';

export function addKeys(program: Command): void {
  const keys = program
    .command('keys')
    .alias('key')
    .summary('create, list and revoke API keys')
    .description(
      'Decides who may ask the API, and for what. The first key is made where the database is at hand.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast keys create ci --role submitter
  $ holdfast keys list
  $ holdfast keys revoke 3`,
    );
  for (const add of [addCreateKey, addListKeys, addRevokeKey]) add(keys);
}
