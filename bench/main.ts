/** `npm run bench`: see docs/performance.md. */
import { Command, InvalidArgumentError } from 'commander';
import { describeMachine } from './machine.js';
import { measureOwn } from './own-figures.js';
import { inOwnHome } from './own-home.js';
import { flatnessCommand } from './flatness/flatness-command.js';
import { httpCommand } from './http/http-command.js';
import { idleCommand } from './idle/idle-command.js';
import { peersCommand } from './peers/peers-command.js';
import { smokeCommand } from './smoke/smoke-command.js';
import { steadyCommand } from './steady/steady-command.js';

const whole = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('must be a whole number');
  return number;
};

async function run({ repetitions, backlog }: { repetitions: number; backlog: number }): Promise<void> {
  const say = (line: string) => console.error(line);
  await inOwnHome(async (home) => {
    const rows = await measureOwn(home, { repetitions, backlog, say });
    const machine = describeMachine(home.servers);
    console.log(`\n${machine}\nMedians of ${repetitions}.\n\n| measure | result |\n| --- | ---: |`);
    for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);
  });
}

const program = new Command('npm run bench --')
  .description('Measures Holdfast on private servers that keep what they acknowledge.')
  .option('--repetitions <number>', 'medians of so many', whole, 3)
  .option('--backlog <jobs>', 'jobs that wait behind the drained ones; 0 leaves that out', whole, 1_000_000)
  .addHelpText(
    'after',
    '\nExamples:\n  $ npm run bench\n  $ npm run bench -- --repetitions 1 --backlog 0\n  $ npm run bench -- peers',
  )
  .enablePositionalOptions()
  .action(run)
  .addCommand(peersCommand(whole))
  .addCommand(httpCommand(whole))
  .addCommand(flatnessCommand(whole))
  .addCommand(idleCommand(whole))
  .addCommand(steadyCommand(whole))
  .addCommand(smokeCommand());

await program.parseAsync();
