import { InvalidArgumentError } from 'commander';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * `500ms`, `10s`, `5m`, `2h` or `1d`, as milliseconds. Only 0 needs no unit: who writes `--delay 5` hardly means milliseconds.
 *
 * @throws InvalidArgumentError
 */
export function readDuration(text: string): number {
  const [, number = '', unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (number !== '' && unit === undefined && Number(number) !== 0)
    throw new InvalidArgumentError(
      `It has no unit, and could mean anything: say ${number}ms, ${number}s, ${number}m, ${number}h or ${number}d.`,
    );
  const milliseconds = number === '' ? NaN : Math.round(Number(number) * (UNIT_MS[unit ?? 'ms'] ?? NaN));
  if (Number.isSafeInteger(milliseconds)) return milliseconds;
  throw new InvalidArgumentError('It must be a duration like 500ms, 10s, 5m, 2h or 1d.');
}

/** A number for a JSON body. What is none goes as it is: the API says what it must be, and names it. */
export const numberOrText = (text: string): number | string =>
  /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;

/** An option that may be repeated. */
export const repeated = (text: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  text,
];

export const DURATION_FORM = '500ms, 10s, 5m, 2h, 1d';
