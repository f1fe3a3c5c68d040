import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { messageOf } from '../../shared/errors.js';
import { BadInput } from '../failure.js';

/**
 * JSON of the command line: itself, `@file`, or `@-` for standard input. Undefined stays undefined.
 *
 * @param option its name, for what is told when it is wrong
 * @throws BadInput
 */
export async function readJson(option: string, given: string | undefined): Promise<unknown> {
  if (given === undefined) return undefined;
  const text = given.startsWith('@') ? await readSource(option, given.slice(1)) : given;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadInput(`${option}: is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

async function readSource(option: string, file: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new BadInput(`${option}: ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
