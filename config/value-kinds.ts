/** The kinds of values that variables have, and how each is written. */
import type { Range } from '../shared/rules.js';
import { LONGEST_MS } from '../shared/time/longest.js';
import { BadValue, variable, type Declared, type Description } from './variable.js';

export function readWholeNumber(text: string, { from, to }: Range): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= from && value <= to) return value;
  throw new BadValue(`must be a whole number from ${from} to ${to}`);
}

export const wholeNumber = <const Given extends Description & Range>(given: Given) =>
  variable(given, (text) => readWholeNumber(text, given));

export const milliseconds = <const Given extends Description & Partial<Range>>(given: Given) =>
  variable({ unit: 'ms', ...given }, (text) =>
    readWholeNumber(text, { from: given.from ?? 0, to: given.to ?? LONGEST_MS }),
  ) as Declared<number, Given>;

export const bytes = <const Given extends Description & Range>(given: Given) =>
  variable({ unit: 'bytes', ...given }, (text) => readWholeNumber(text, given)) as Declared<number, Given>;

export const factor = <const Given extends Description & Range>(given: Given) =>
  variable(given, (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
    if (value >= given.from && value <= given.to) return value;
    throw new BadValue(`must be a number from ${given.from} to ${given.to}`);
  });

/** 0 is a free port of the system's choice. */
export const port = <const Given extends Description>(given: Given) =>
  variable(given, (text) => readWholeNumber(text, { from: 0, to: 65_535 }));

/** Where a server of others listens. */
export const remotePort = <const Given extends Description>(given: Given) =>
  variable(given, (text) => readWholeNumber(text, { from: 1, to: 65_535 }));

const FLAGS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

export const flag = <const Given extends Description>(given: Given) =>
  variable(given, (text) => {
    const value = FLAGS[text.toLowerCase()];
    if (value === undefined) throw new BadValue('must be true or false');
    return value;
  });

export const text = <const Given extends Description>(given: Given) => variable(given, (value) => value);

/** `rule` goes on after "must be". */
export const textLike = <const Given extends Description>(pattern: RegExp, rule: string, given: Given) =>
  variable(given, (value) => {
    if (!pattern.test(value)) throw new BadValue(`must be ${rule}`);
    return value;
  });

export const oneOf = <const Choice extends string, const Given extends Description>(
  choices: readonly Choice[],
  given: Given,
) =>
  variable(given, (value) => {
    const found = choices.find((choice) => choice === value.toLowerCase());
    if (found === undefined) throw new BadValue(`must be one of ${choices.join(', ')}`);
    return found;
  });

/** `pattern` names the protocols; `form` shows how it is written. */
export const address = <const Given extends Description>(pattern: RegExp, form: string, given: Given) =>
  variable(given, (value) => {
    if (pattern.test(value) && URL.canParse(value)) return value;
    throw new BadValue(`must be an address like ${form} (write special characters of a password as %XX)`);
  });

/** Comma-separated, each part read by `read`. */
export const listOf = <Item, const Given extends Description>(read: (item: string) => Item, given: Given) =>
  variable(given, (value): readonly Item[] => splitList(value).map(read));

export function splitList(value: string): string[] {
  const items = value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) throw new BadValue('must name at least one, separated by commas');
  return items;
}

export function readHostAndPort(item: string): { host: string; port: number } {
  const [, bracketed, plain, number = ''] = /^(?:\[([^\]]+)\]|([^:\s/@]+)):(\d{1,5})$/.exec(item) ?? [];
  const host = bracketed ?? plain;
  const portNumber = Number(number);
  if (host === undefined || portNumber < 1 || portNumber > 65_535)
    throw new BadValue('must be a list like host-1:26379,host-2:26379');
  return { host, port: portNumber };
}
