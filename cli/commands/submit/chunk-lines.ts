import type { BatchLine } from './read-batch.js';

/** What one request submits. */
export interface Chunk {
  readonly jobs: readonly BatchLine['job'][];
  /** Where each stands in the file. */
  readonly lines: readonly number[];
}

const MOST_JOBS = 1_000;
/** Half of what the API takes in a batch where nothing else is configured. */
const MOST_BYTES = 8 * 1_048_576;

/** A thousand jobs in a chunk, or fewer where they are large. */
export async function* chunked(lines: AsyncIterable<BatchLine>): AsyncGenerator<Chunk, void> {
  let chunk: BatchLine[] = [];
  let bytes = 0;
  for await (const line of lines) {
    const size = Buffer.byteLength(JSON.stringify(line.job));
    if (chunk.length === MOST_JOBS || (chunk.length > 0 && bytes + size > MOST_BYTES)) {
      yield toChunk(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(line);
    bytes += size;
  }
  if (chunk.length > 0) yield toChunk(chunk);
}

const toChunk = (chunk: readonly BatchLine[]): Chunk => ({
  jobs: chunk.map(({ job }) => job),
  lines: chunk.map(({ line }) => line),
});
