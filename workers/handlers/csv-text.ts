import { TextDecoder } from 'node:util';
import { PermanentError } from '../../shared/jobs/job-errors.js';

/** Turns the bytes into UTF-8 where they are not; the CSV parser itself works on bytes. */
export async function* decoded(
  chunks: AsyncIterable<Buffer>,
  encoding: string,
): AsyncGenerator<Buffer | string> {
  let decoder: TextDecoder | undefined;
  for await (const chunk of chunks) {
    decoder ??= decoderFor(chunk, encoding);
    yield decoder.encoding === 'utf-8' ? chunk : decoder.decode(chunk, { stream: true });
  }
  if (decoder !== undefined && decoder.encoding !== 'utf-8') yield decoder.decode();
}

export function isEncoding(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

function decoderFor(firstChunk: Buffer, encoding: string): TextDecoder {
  // Spreadsheets save "Unicode text" as UTF-16 and say so with these two bytes.
  const hasUtf16Mark = firstChunk[0] === 0xff && firstChunk[1] === 0xfe;
  const decoder = new TextDecoder(hasUtf16Mark ? 'utf-16le' : encoding);
  if (decoder.encoding === 'utf-8') refuseBinary(firstChunk);
  return decoder;
}

/** Archives and spreadsheets would pass as a table with one absurd column. */
function refuseBinary(chunk: Buffer): void {
  if (!chunk.includes(0)) return;
  throw new PermanentError(
    'This is no CSV text: it contains NUL bytes. Unpack it or export it as CSV; for UTF-16 set encoding to utf-16le.',
  );
}
