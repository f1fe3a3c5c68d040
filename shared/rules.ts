import { inspect } from 'node:util';
import { HoldfastError, type FieldProblem } from './errors.js';

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A value that cannot be used, and what it must be; the problem goes on after the field's name. */
export interface BadValue extends FieldProblem {
  readonly value: unknown;
}

/** Notes a value that cannot be used. Rules are hand-written where a zod schema would be dear: at each submit. */
export type Rule = (value: unknown, field: string, bad: BadValue[]) => void;

export const must =
  (isRight: (value: unknown) => boolean, problem: string): Rule =>
  (value, field, bad) => {
    if (!isRight(value)) bad.push({ field, problem, value });
  };

export const isWholeWithin = (value: unknown, { from, to }: Range): boolean =>
  Number.isSafeInteger(value) && isWithin(value, { from, to });

const isWithin = (value: unknown, { from, to }: Range): boolean =>
  typeof value === 'number' && value >= from && value <= to;

export const wholeNumber = (range: Range): Rule =>
  must((value) => isWholeWithin(value, range), `must be a whole number from ${range.from} to ${range.to}`);

export const number = (range: Range): Rule =>
  must((value) => isWithin(value, range), `must be a number from ${range.from} to ${range.to}`);

export const oneOf = (choices: readonly unknown[]): Rule =>
  must((value) => choices.includes(value), `must be one of ${choices.join(', ')}`);

/** By field. A Map: an object would have rules for `constructor` and the like. */
export type Rules = ReadonlyMap<string, Rule>;

export const toRules = (rules: Readonly<Record<string, Rule>>): Rules => new Map(Object.entries(rules));

/** Of the values that are given, those that cannot be used. What no rule names is not looked at; without a value, nothing is. */
export function findBadValues(values: object, rules: Rules): BadValue[] {
  const bad: BadValue[] = [];
  for (const field in values) {
    const value = (values as Readonly<Record<string, unknown>>)[field];
    if (value !== undefined) rules.get(field)?.(value, field, bad);
  }
  return bad;
}

/** The same values, as parts of `field`. */
export const under = (field: string, bad: readonly BadValue[]): BadValue[] =>
  bad.map((one) => ({ ...one, field: `${field}.${one.field}` }));

/** Of a refusal. More than anybody reads; a job may have a hundred thousand dependencies, and a batch as many fields. */
export const MOST_DETAILS = 100;

/** @throws HoldfastError `validation_failed` naming each field, when there is one; in the words of the API */
export function refuseFields(bad: readonly BadValue[]): void {
  const [first] = bad;
  if (first === undefined) return;
  const details = bad.slice(0, MOST_DETAILS).map(({ field, problem }) => ({ field, problem }));
  const more = bad.length > 1 ? ` (and ${bad.length - 1} more)` : '';
  throw new HoldfastError('validation_failed', `${first.field}: ${first.problem}${more}`, { details });
}

/** @throws TypeError with every setting, its value and what it must be, when there is one; `whose` comes first */
export function refuseSettings(bad: readonly BadValue[], whose = ''): void {
  if (bad.length === 0) return;
  const faults = bad.map(({ field, problem, value }) => `${field} ${problem} (it is ${show(value)})`);
  throw new TypeError(whose + faults.join('; '));
}

export const show = (value: unknown): string =>
  inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 100, maxArrayLength: 10 });
