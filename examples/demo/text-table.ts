/** Columns of text side by side; those that hold numbers only are aligned to the right. */
export function textTable(rows: readonly (readonly (string | number)[])[]): string[] {
  const [, ...body] = rows;
  const columns = (rows[0] ?? []).map((_, column) => ({
    width: Math.max(...rows.map((row) => String(row[column] ?? '').length)),
    isNumeric: body.every((row) => typeof row[column] === 'number' || row[column] === ''),
  }));
  return rows.map((row) =>
    columns
      .map(({ width, isNumeric }, column) => {
        const cell = String(row[column] ?? '');
        return isNumeric ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** On one line, and not longer than this. */
export function shortened(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

/** In lines that are not longer than this, broken between words. */
export function wrapped(text: string, length: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < length) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
