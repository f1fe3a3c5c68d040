import { BadValue } from './variable.js';

/** So many requests in each window. */
export interface RateLimitSetting {
  readonly max: number;
  readonly windowMs: number;
}

const WINDOW_MS = { s: 1_000, min: 60_000 } as const;

/** `100/s` · `6000/min` · `off`, which is null */
export function readRateLimit(text: string): RateLimitSetting | null {
  if (text.toLowerCase() === 'off') return null;
  const [, count = '', unit] = /^([1-9]\d{0,8})\/(s|min)$/.exec(text) ?? [];
  if (unit === undefined) throw new BadValue('must be like 100/s or 6000/min, or off');
  return { max: Number(count), windowMs: WINDOW_MS[unit as keyof typeof WINDOW_MS] };
}
