import { coloured } from './colours.js';
import { harmless } from './text.js';

/** For scripts: one JSON document. */
export const printJson = (answer: unknown): void => console.log(JSON.stringify(answer, null, 2));

/** For people, besides what was asked for. Standard output stays what a pipe expects. */
export const printNote = (text: string): void => console.error(harmless(text));

export const printLine = (text: string): void => console.log(harmless(text));

export const printTitle = (title: string): void => console.log(`\n${coloured(title, 'bold')}`);

/** A value nobody has to see is left out. */
export type Detail = readonly [label: string, value: string | number | null | undefined];

/** Names and values, one a line. Values may carry colours, so whoever gives them has made them harmless. */
export function printDetails(details: readonly Detail[]): void {
  const shown = details.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...shown.map(([label]) => label.length));
  for (const [label, value] of shown) console.log(`${label.padEnd(width)}  ${value}`);
}

/** JSON for people: what fits stays on one line. */
export function shownJson(value: unknown): string {
  const short = JSON.stringify(value) ?? 'null';
  return harmless(short.length <= 80 ? short : JSON.stringify(value, null, 2));
}
