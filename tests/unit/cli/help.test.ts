import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProgram } from '../../../cli/program.js';
import { packageRoot } from '../../../shared/package-root.js';

/** Each command that does something, with its whole name. */
function leavesOf(command: Command, name = command.name()): [name: string, command: Command][] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((one) => leavesOf(one, `${name} ${one.name()}`));
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

/** `holdfast …` in the examples of a help text, also inside $(…), without what a shell does with it. */
function examplesIn(help: string): string[] {
  return [
    ...help.matchAll(/holdfast ((?:'[^']*'|"[^"]*"|[^'"|>&)\n]|(?<!\s)\))*?)(?=\s{3,}|\s*[|>&)]|\n|$)/g),
  ].map(([, line = '']) => line.trim());
}

const argumentsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );

const leaves = leavesOf(createProgram());

test('every capability has its commands', () => {
  expect(leaves.map(([name]) => name.replace('holdfast ', ''))).toEqual([
    ...['migrate', 'api', 'worker', 'coordinator', 'doctor', 'dev', 'submit'],
    ...['list', 'show', 'watch', 'cancel', 'retry'].map((verb) => `jobs ${verb}`),
    ...['groups', 'list', 'show', 'note', 'replay', 'discard'].map((verb) => `dead-letters ${verb}`),
    ...['list', 'show', 'preview', 'create', 'set', 'update'].map((verb) => `schedules ${verb}`),
    ...['enable', 'disable', 'run', 'delete'].map((verb) => `schedules ${verb}`),
    ...['list', 'show', 'pause', 'resume'].map((verb) => `queues ${verb}`),
    ...['list', 'show'].map((verb) => `workers ${verb}`),
    ...['create', 'list', 'revoke'].map((verb) => `keys ${verb}`),
  ]);
});

describe('the help of each command has an example of it, and each of its examples is a command', () => {
  test.each(leaves)('%s', async (name, leaf) => {
    const help = helpOf(leaf);
    const examples = examplesIn(help.slice(help.indexOf('Examples:')));
    expect(examples).toContainEqual(
      expect.stringMatching(new RegExp(`^${name.replace('holdfast ', '')}\\b`)),
    );
    for (const example of examples) {
      expect({ example, ran: await parse(argumentsOf(example)) }).toEqual({ example, ran: true });
    }
  });
});

/** Whether these arguments are good usage of a command: its action is reached. */
async function parse(args: readonly string[]): Promise<boolean> {
  let isReached = false;
  const program = createProgram();
  for (const [, leaf] of leavesOf(program)) {
    leaf.action(() => {
      isReached = true;
    });
  }
  await program.parseAsync(args, { from: 'user' });
  return isReached;
}

test('docs/cli.md shows each command, and what it shows are commands', async () => {
  const page = readFileSync(join(packageRoot, 'docs', 'cli.md'), 'utf8');
  const shown = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) =>
    examplesIn(block.replace(/ +#.*$/gm, '')),
  );
  for (const example of shown) {
    expect({ example, ran: await parse(argumentsOf(example)) }).toEqual({ example, ran: true });
  }
  for (const [name] of leaves) expect(shown.join('\n')).toContain(name.replace('holdfast ', ''));
});

test('commands that ask the API say how it is found, and answer scripts', () => {
  const asking = leaves.filter(([name]) =>
    / (submit|jobs|dead-letters|schedules|queues|workers|keys)\b/.test(name),
  );
  for (const [name, leaf] of asking) {
    const options = leaf.options.map(({ long }) => long);
    expect({ name, options }).toEqual({
      name,
      options: expect.arrayContaining(['--api', '--api-key', '--direct', '--json']),
    });
  }
});
