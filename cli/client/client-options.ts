import { Option, type Command } from 'commander';
import { checkedAs } from '../settings.js';

/** What every command that asks the API understands. */
export interface ClientOptions {
  readonly api?: string;
  readonly apiKey?: string;
  readonly direct?: boolean;
  readonly json?: boolean;
}

/**
 * Adds them, and examples to the help. To be called when the command has its own options, so that these come last.
 *
 * @param examples one a line
 * @param json what `--json` prints
 */
export function addClientOptions(
  command: Command,
  examples: string,
  json = 'for scripts: the API’s answer as it is',
): Command {
  return command
    .optionsGroup('Where to ask, and how to answer:')
    .addOption(
      new Option('--api <url>', 'the address of the API; instead of HOLDFAST_API_URL')
        .argParser(checkedAs('HOLDFAST_API_URL'))
        .conflicts('direct'),
    )
    .option('--api-key <key>', 'instead of HOLDFAST_API_KEY, which other users of this machine do not see')
    .option('--direct', 'ask the database itself, even where HOLDFAST_API_URL is set')
    .option('--json', json)
    .addHelpText('after', `\nExamples:\n${indented(examples)}`);
}

const indented = (examples: string): string =>
  examples
    .trim()
    .split('\n')
    .map((line) => `  ${line.trim()}`)
    .join('\n');
