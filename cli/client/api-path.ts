import { BadInput } from '../failure.js';

export type QueryValue = string | number | boolean | undefined;

/** An address of the API: what people gave is a part of it, never a change of it. @throws BadInput */
export function apiPath(parts: TemplateStringsArray, ...given: readonly (string | number)[]): string {
  return parts.reduce((path, part, index) => path + encodePart(String(given[index - 1])) + part);
}

function encodePart(given: string): string {
  // Each of these would be another address.
  if (['', '.', '..'].includes(given)) throw new BadInput(`"${given}" is no id or name`);
  return encodeURIComponent(given);
}

/** `?a=1&b=2` of what is given; empty when nothing is. */
export function queryString(query: Readonly<Record<string, QueryValue>>): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
