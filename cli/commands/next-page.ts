import type { Command } from 'commander';
import { printNote } from '../output/print.js';

/** What comes with a list; see api/schemas/common.ts. */
export interface Pagination {
  readonly limit: number;
  readonly has_more: boolean;
  readonly next_cursor: number | string | null;
}

export interface PageOptions {
  readonly limit?: string;
  readonly cursor?: string;
}

/** @param last what a page ends with, such as `id` */
export const addPageOptions = (command: Command, last: string): Command =>
  command
    .option('--limit <number>', '1 to 1000; 50 where nothing is said')
    .option(`--cursor <${last}>`, 'go on after this one: the next page');

/** Below a list that goes on: how to see the rest. */
export function printNextPage({ has_more: hasMore, next_cursor: cursor }: Pagination, total?: string): void {
  if (!hasMore) return;
  const of = total === undefined ? 'there are more' : `of ${total}`;
  printNote(`\n${of}; the next page: --cursor ${cursor}`);
}
