const ROWS_PER_BLOCK = 500;

/** A large CSV made up while it is read, block by block: every `id` and `note` differs, `zip` repeats. */
export function* bigCsv(rows: number): Generator<string> {
  let block = 'id,zip,amount,note\n';
  for (let row = 1; row <= rows; row += 1) {
    const zip = String(row % 1_000).padStart(5, '0');
    block += `${row},${zip},${row % 100}.5,"note ${row}, ${'long '.repeat(40)}"\n`;
    if (row % ROWS_PER_BLOCK !== 0) continue;
    yield block;
    block = '';
  }
  yield block;
}
