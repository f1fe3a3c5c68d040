import { readdir, readFile } from 'node:fs/promises';

/** Linux counts in hundredths of a second. */
const TICK_MS = 10;
/** Positions after the name in /proc/PID/stat, which may itself hold spaces. */
const PARENT = 1;
const OWN_TIMES = [11, 12];
const ENDED_CHILDRENS_TIMES = [13, 14];

/** CPU time that a server and its child processes have used so far, those that have ended too. Milliseconds; Linux only. */
export async function readProcessTreeCpuMs(main: number): Promise<number> {
  let ticks = 0;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = await readStat(entry);
    if (Number(entry) === main) ticks += sum(fields, [...OWN_TIMES, ...ENDED_CHILDRENS_TIMES]);
    else if (Number(fields[PARENT]) === main) ticks += sum(fields, OWN_TIMES);
  }
  return ticks * TICK_MS;
}

const sum = (fields: readonly string[], places: readonly number[]): number =>
  places.reduce((total, place) => total + Number(fields[place]), 0);

/** Nothing, when the process has ended. */
async function readStat(pid: string): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
