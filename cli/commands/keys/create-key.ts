import { Option, type Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { DURATION_FORM, readDuration } from '../../input/option-values.js';
import { printJson, printNote } from '../../output/print.js';
import type { ApiKey } from './key.js';

interface CreateOptions extends ClientOptions {
  readonly role: string;
  readonly expiresAt?: string;
  readonly expiresIn?: number;
}

export function addCreateKey(keys: Command): void {
  const command = keys
    .command('create')
    .summary('create an API key, shown this once')
    .description(
      'Creates an API key and prints it: the only time that it can be seen. viewer: reads; submitter: submits, too; operator: ' +
        'changes what others submitted, too; admin: makes keys, too.',
    )
    .argument('<name>', 'what it is for')
    .requiredOption('--role <role>', 'viewer, submitter, operator or admin')
    .option('--expires-at <time>', 'from then on it is no key any more, such as 2030-01-31T09:00:00Z')
    .addOption(
      new Option('--expires-in <duration>', `the same, from now: ${DURATION_FORM}`)
        .argParser(readDuration)
        .conflicts('expiresAt'),
    );
  addClientOptions(
    command,
    `$ holdfast keys create ci --role submitter
     $ holdfast keys create on-call --role operator --expires-in 90d
     $ HOLDFAST_API_KEY=$(holdfast keys create me --role admin) holdfast jobs list --api https://jobs.example.com`,
  ).action(createKey);
}

async function createKey(name: string, options: CreateOptions): Promise<void> {
  const { role, expiresIn, expiresAt } = options;
  const until = expiresIn === undefined ? expiresAt : new Date(Date.now() + expiresIn).toISOString();
  await withClient(options, async (client) => {
    const answer = await client.post<{ key: ApiKey; secret: string }>('/api/keys', {
      name,
      role,
      expires_at: until,
    });
    if (options.json) return printJson(answer);
    // Alone on standard output, so that it can go into a variable or a file.
    console.log(answer.secret);
    printNote(`key ${answer.key.id}, ${answer.key.name}, ${answer.key.role}: keep it, it is not shown again`);
  });
}
