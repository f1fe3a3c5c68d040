import { Option, type Command } from 'commander';
import { numberOrText } from '../input/option-values.js';
import { BadInput } from '../failure.js';
import { checkBulk, type BulkOptions } from './bulk.js';

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

export interface Selection<Options> {
  /** Undefined for a single id: it is not for a filter, and has an answer of its own. */
  readonly filter: Filter | undefined;
  /** The command's options; what was named one by one is not asked about. */
  readonly options: Options;
}

/**
 * What the ids, or the filters, of a command mean. To be called before the client is opened: what cannot be done is said at once.
 *
 * @param all undefined: the command has no such option
 * @throws BadInput when nothing is selected, or in two ways; when nobody can be asked, and the answer was not given
 */
export function readSelection<Options extends SelectOptions>(
  ids: readonly string[],
  filter: Filter,
  options: Options,
  all?: boolean,
): Selection<Options> {
  const selected = readFilter(ids, filter, all);
  if (ids.length > 0) return { filter: selected, options: { ...options, yes: true } };
  checkBulk(options);
  return { filter: selected, options };
}

function readFilter(ids: readonly string[], filter: Filter, all?: boolean): Filter | undefined {
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
