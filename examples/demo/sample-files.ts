import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Something of a file the demo has its jobs read. */
export interface SampleFile {
  readonly name: string;
  readonly delimiter: string;
  readonly rows: number;
  readonly someColumns: readonly string[];
}

/** Writes CSV files as they come from real systems: quotes, line ends in cells, gaps, mixed types. */
export async function writeSampleFiles(directory: string): Promise<SampleFile[]> {
  const random = repeatableRandom(20_260_101);
  return Promise.all([
    writeTable(directory, 'orders.csv', ',', 5_000, (row) => orderOf(row, random)),
    writeTable(directory, 'customers.csv', ',', 3_000, (row) => customerOf(row, random)),
    writeTable(directory, 'sensors.csv', ';', 6_000, (row) => readingOf(row, random)),
    writeTable(directory, 'visits.tsv', '\t', 4_000, (row) => visitOf(row, random)),
  ]);
}

type Row = Record<string, string | number>;
type Random = () => number;

const oneOf = <T>(choices: readonly T[], random: Random): T =>
  choices[Math.floor(random() * choices.length)] as T;
/** Mostly the value, sometimes nothing. */
const withGaps = (share: number, value: string | number, random: Random) => (random() < share ? '' : value);
const dayOf = (number: number) =>
  new Date(Date.UTC(2025, 0, 1) + number * 86_400_000).toISOString().slice(0, 10);

const COMPANIES = [
  'Smith & Sons',
  'Müller, Meier GmbH',
  'The "Blue" Door',
  'Société Générale du Thé',
  "O'Neill Ltd",
];
const NOTES = ['', '', '', 'gift wrap', 'ring twice, please', 'says "fragile"', 'first line\nsecond line'];

const orderOf = (row: number, random: Random): Row => ({
  order_id: 100_000 + row,
  customer: oneOf(COMPANIES, random),
  ordered_on: dayOf(Math.floor(row / 14)),
  amount: withGaps(0.02, (5 + random() ** 3 * 900).toFixed(2), random),
  currency: oneOf(['EUR', 'EUR', 'EUR', 'USD', 'GBP'], random),
  discount: oneOf(['', '', '', 5, 10, 'WELCOME10'], random),
  note: oneOf(NOTES, random),
});

const customerOf = (row: number, random: Random): Row => ({
  id: row + 1,
  name: `${oneOf(['Ada', 'Grace', 'Edsger', 'Łukasz', 'Chloé'], random)} ${oneOf(['Hopper', 'Nowak', 'de Vries', 'Li'], random)}`,
  email: withGaps(0.08, `customer${row}@example.com`, random),
  // Leading zeros: digits, but not a number.
  zip: String(Math.floor(random() * 100_000)).padStart(5, '0'),
  born: withGaps(0.15, dayOf(-Math.floor(7_000 + random() * 20_000)), random),
  newsletter: oneOf(['true', 'false', ''], random),
});

const readingOf = (row: number, random: Random): Row => ({
  measured_at: new Date(Date.UTC(2025, 5, 1) + row * 60_000).toISOString(),
  sensor: `roof-${1 + (row % 4)}`,
  celsius:
    random() < 0.01 ? oneOf(['n/a', 'ERR'], random) : (18 + 9 * Math.sin(row / 230) + random()).toFixed(1),
  humidity: withGaps(0.05, Math.round(40 + random() * 45), random),
});

const visitOf = (row: number, random: Random): Row => ({
  visit: row + 1,
  path: oneOf(['/', '/pricing', '/docs/start', '/blog/2025/hello'], random),
  status: oneOf([200, 200, 200, 200, 304, 404, 500], random),
  milliseconds: Math.round(3 + random() ** 4 * 2_000),
  referrer: withGaps(0.4, oneOf(['https://example.com/', 'https://example.org/?q="jobs"'], random), random),
});

async function writeTable(
  directory: string,
  name: string,
  delimiter: string,
  rows: number,
  rowOf: (row: number) => Row,
): Promise<SampleFile> {
  const table = Array.from({ length: rows }, (_, row) => rowOf(row));
  const columns = Object.keys(table[0] ?? {});
  const lines = [columns, ...table.map((row) => Object.values(row))].map((cells) =>
    cells.map((cell) => quoted(String(cell), delimiter)).join(delimiter),
  );
  await writeFile(join(directory, name), `${lines.join('\r\n')}\r\n`);
  return { name, delimiter, rows, someColumns: columns.slice(1, 4) };
}

const quoted = (cell: string, delimiter: string) =>
  /["\r\n]/.test(cell) || cell.includes(delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell;

/** The same numbers at each run (mulberry32), so that two runs of the demo can be compared. */
function repeatableRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
