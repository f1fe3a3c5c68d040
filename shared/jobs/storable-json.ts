import { messageOf } from '../errors.js';

/** The largest value that a job may carry where nothing else is said, in bytes of JSON: 1 MiB. */
export const DEFAULT_MOST_BYTES = 1_048_576;

/** Longer values do not fit into a jsonb. */
export const MOST_JSON_BYTES = 268_435_455;

/** More JSON than this goes into one statement only when it is one row's: it would hold memory and a connection too long. */
export const MOST_BYTES_TOGETHER = 67_108_864;

export interface JsonLimit {
  /** Bytes of JSON in UTF-8. */
  readonly mostBytes: number;
  /** What to do with a value that is larger; follows the sizes in the message. */
  readonly advice: string;
}

/** Whether a JSON text has at most so many bytes. Nearly always the length tells: a UTF-16 unit takes three at most. */
export const isWithin = (json: string, mostBytes: number): boolean =>
  json.length * 3 <= mostBytes || Buffer.byteLength(json) <= mostBytes;

/** As JSON writes U+0000 and halves of surrogate pairs, after no backslash or an even number of them. */
const UNSTORABLE_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/**
 * Why a value cannot be stored as JSON, going on after its name; undefined when nothing speaks against it. Dear: asked
 * only when something is wrong with a whole batch.
 */
export function findProblem(value: unknown, { mostBytes, advice }: JsonLimit): string | undefined {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    return `has no form in JSON: ${messageOf(error)}`;
  }
  // A function; or NaN, of which JSON makes null, which is no value to PostgreSQL.
  if (json === undefined || (json === 'null' && value !== null))
    return `has no form in JSON: it is ${typeof value === 'number' ? value : `a ${typeof value}`}`;
  if (!isWithin(json, mostBytes))
    return `is ${Buffer.byteLength(json)} bytes of JSON, more than the limit of ${mostBytes}: ${advice}`;
  if (UNSTORABLE_ESCAPE.test(json))
    return 'has U+0000 or half of a surrogate pair in it, which PostgreSQL cannot store';
  return undefined;
}
