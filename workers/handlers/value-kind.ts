/**
 * What one CSV cell looks like. A `code` is made of digits but is no number: a zip code with a leading zero,
 * or an identifier with more digits than a number can hold exactly.
 */
export type ValueKind = 'integer' | 'number' | 'boolean' | 'date' | 'code' | 'string';

export type ColumnType = 'integer' | 'number' | 'boolean' | 'date' | 'string' | 'mixed' | 'empty';

// No "+": a leading plus is the mark of telephone numbers, and those are not summed up.
const NUMBER = /^-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const DIGITS = /^-?\d+$/;
const DATE =
  /^(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ]([01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const BOOLEAN = /^(?:true|false|yes|no)$/i;

/** The kind of a cell that is neither empty nor surrounded by spaces. */
export function valueKind(value: string): ValueKind {
  if (NUMBER.test(value)) {
    if (!DIGITS.test(value)) return Number.isFinite(Number(value)) ? 'number' : 'string';
    return Number.isSafeInteger(Number(value)) ? 'integer' : 'code';
  }
  if (DIGITS.test(value)) return 'code';
  if (value.length <= 5 && BOOLEAN.test(value)) return 'boolean';
  return isDate(value) ? 'date' : 'string';
}

/** ISO dates only: 03/04/2025 is March to some and April to others. */
function isDate(value: string): boolean {
  const match = value.length >= 10 && value.length <= 40 ? DATE.exec(value) : null;
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // Date rolls 31 April over into May.
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** The type of a column from how many of its values are of each kind. */
export function columnType(counts: Readonly<Record<ValueKind, number>>): ColumnType {
  const has = (kind: ValueKind): boolean => counts[kind] > 0;
  const types = new Set<ColumnType>();
  if (has('string') || has('code')) types.add('string');
  if (has('date')) types.add('date');
  if (has('number')) types.add('number');
  // One zip code with a leading zero makes codes of all others.
  if (has('integer') && !has('code')) types.add(has('number') ? 'number' : 'integer');
  // Among words, "yes" and "no" are words.
  if (has('boolean') && !has('string')) types.add('boolean');
  const [type = 'empty'] = types;
  return types.size > 1 ? 'mixed' : type;
}
