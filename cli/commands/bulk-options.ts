import { Option, type Command } from 'commander';
import { numberOrText } from '../input/option-values.js';
import { BadInput } from '../failure.js';
import type { BulkOptions } from './bulk.js';

export interface SelectOptions extends BulkOptions {
  readonly all?: boolean;
  readonly limit?: string;
}

/** What a bulk command acts on: nothing in it means all. */
export type Filter = Readonly<Record<string, unknown>>;

export function addBulkOptions(command: Command): Command {
  return command
    .option('--limit <number>', 'not more than as many')
    .addOption(new Option('--dry-run', 'only count them').conflicts('yes'))
    .option('-y, --yes', 'do not ask; needed where there is no terminal');
}

/**
 * What the ids, or the filters, of a command mean. One id is not for a filter: it has an answer of its own.
 *
 * @param all undefined: the command has no such option
 * @returns undefined for a single id
 * @throws BadInput when nothing is selected, or in two ways
 */
export function readSelection(ids: readonly string[], filter: Filter, all?: boolean): Filter | undefined {
  const hasFilter = Object.values(filter).some((value) => value !== undefined);
  const ways = [ids.length > 0, hasFilter, all].filter(Boolean).length;
  if (ways === 0) {
    const orAll = all === undefined ? '' : ', or --all';
    throw new BadInput(`ids: give ids, or filters such as --queue${orAll}`);
  }
  if (ways > 1) throw new BadInput('ids: give ids, or filters: only one of these');
  if (ids.length === 1) return undefined;
  if (ids.length > 1) return { ids: ids.map(numberOrText) };
  return all ? { all: true } : filter;
}

/** How many were named one by one; undefined: a filter is to find them. */
export const countNamed = ({ ids }: Filter): number | undefined =>
  Array.isArray(ids) ? ids.length : undefined;
