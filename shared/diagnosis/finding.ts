/** How bad it is. A problem keeps jobs from running or may lose them; a warning is worth a person's look. */
export type FindingLevel = 'ok' | 'warning' | 'problem';

/** What was found, for a person: what is so, what that means for jobs, what to do. The last two are empty when all is well. */
export interface Finding {
  readonly level: FindingLevel;
  readonly what: string;
  readonly meaning: string;
  readonly remedy: string;
}

export const ok = (what: string): Finding => ({ level: 'ok', what, meaning: '', remedy: '' });

export const warning = (what: string, meaning: string, remedy: string): Finding => ({
  level: 'warning',
  what,
  meaning,
  remedy,
});

export const problem = (what: string, meaning: string, remedy: string): Finding => ({
  level: 'problem',
  what,
  meaning,
  remedy,
});

/** The level of all of them together. */
export function worstOf(findings: readonly Finding[]): FindingLevel {
  const levels = new Set(findings.map(({ level }) => level));
  if (levels.has('problem')) return 'problem';
  return levels.has('warning') ? 'warning' : 'ok';
}

/** `1 job`, `2 jobs`. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;

/** As people say it: `850 ms`, `12 s`, `7 min`, `3 h`, `2 days`. */
export function spokenTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 120 * 60_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** `900 bytes`, `1.5 MB`, `2.0 GB`. */
export function spokenSize(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1_024 && unit < units.length - 1) {
    size /= 1_024;
    unit++;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
