import { ok, spokenTime, warning, type Finding } from './finding.js';

/** More than this is told. */
const TOLERATED_MS = 1_000;

/** One look at another clock, in milliseconds since 1970: ours before, theirs, ours after. */
export interface ClockReading {
  readonly askedAt: number;
  readonly theirs: number;
  readonly answeredAt: number;
}

/** Reads another server's clock a few times: the quickest answer is the one to judge by. */
export async function readClock(
  ask: () => Promise<number>,
  times: number,
  now: () => number = Date.now,
): Promise<ClockReading[]> {
  const readings: ClockReading[] = [];
  for (let i = 0; i < times; i++) {
    const askedAt = now();
    const theirs = await ask();
    readings.push({ askedAt, theirs, answeredAt: now() });
  }
  return readings;
}

/**
 * The other clock was read at some moment of the round trip, so that half of it is the uncertainty: only a difference
 * that is certain counts.
 */
export function judgeClock(server: string, readings: readonly ClockReading[]): Finding[] {
  const tripOf = ({ askedAt, answeredAt }: ClockReading) => answeredAt - askedAt;
  const best = [...readings].sort((a, b) => tripOf(a) - tripOf(b))[0];
  if (!best) return [];
  const difference = best.theirs - (best.askedAt + best.answeredAt) / 2;
  const certain = Math.abs(difference) - tripOf(best) / 2;
  if (certain <= TOLERATED_MS) return [ok(`the clocks of ${server} and this host agree`)];
  return [
    warning(
      `the clock of ${server} is ${spokenTime(Math.abs(difference))} ${difference > 0 ? 'ahead of' : 'behind'} this host's`,
      "Leases, delays and due times go by PostgreSQL's clock alone, so that no job is affected; times in logs do not match.",
      'Let NTP (chrony, systemd-timesyncd) keep the time on both hosts.',
    ),
  ];
}
