/** `npm run demo`: all of Holdfast on this machine, real jobs through it, and what came of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.js';
import { listenForCtrlC, untilAborted } from './interruption.js';
import { playDemo } from './play-demo.js';
import { Undo } from './undo.js';

const USAGE = `npm run demo [-- --exit]
  Starts everything, runs a mix of jobs and shows what came of them. Ctrl-C ends it.
  --exit   end when the jobs have: with 0 when each reached the end it should, else with 1`;

const say = (line: string) => console.log(line);

async function main({ isToExit, apiPort }: Wishes): Promise<number> {
  const signal = listenForCtrlC(say);
  const undo = new Undo();
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  // Also when the process is made to end at once.
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  try {
    const wentWell = await playDemo({ signal, undo, say, directory, apiPort });
    if (!isToExit) {
      say('\nCtrl-C ends it.');
      await untilAborted(signal);
    }
    return wentWell ? 0 : 1;
  } catch (error) {
    if (signal.aborted) return 130;
    say(`\nThe demo cannot go on: ${messageOf(error)}`);
    return 1;
  } finally {
    await undo.run(say);
  }
}

interface Wishes {
  readonly isToExit: boolean;
  readonly isHelpWanted: boolean;
  /** 0: any that is free. */
  readonly apiPort: number;
}

function readWishes(): Wishes {
  const { values } = parseArgs({
    options: { exit: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  const apiPort = Number(process.env.API_PORT ?? '');
  if (!Number.isInteger(apiPort) || apiPort < 0 || apiPort > 65_535) {
    throw new Error(`API_PORT is '${process.env.API_PORT}' but must be a port, 0 to 65535.`);
  }
  return { isToExit: values.exit ?? false, isHelpWanted: values.help ?? false, apiPort };
}

try {
  const wishes = readWishes();
  if (wishes.isHelpWanted) say(USAGE);
  else process.exitCode = await main(wishes);
} catch (error) {
  console.error(`${messageOf(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
// Everything is stopped; should something hold the process open nevertheless, it is of no use to anybody.
setTimeout(() => process.exit(), 3_000).unref();
