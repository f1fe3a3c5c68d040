import { PermanentError } from '../../shared/jobs/job-errors.js';
import type { CsvSource } from './csv-source.js';

/** Counts the bytes that pass, reports progress from them and ends what is too large. */
export class ByteMeter {
  readonly #csv: CsvSource;
  readonly #maxBytes: number;
  readonly #report: (percent: number) => void;
  #percent = 0;
  bytes = 0;

  constructor(csv: CsvSource, maxBytes: number, report: (percent: number) => void) {
    this.#csv = csv;
    this.#maxBytes = maxBytes;
    this.#report = report;
  }

  async *measure(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    if ((this.#csv.totalBytes ?? 0) > this.#maxBytes) throw this.#tooLarge();
    for await (const chunk of chunks) {
      this.bytes += chunk.length;
      if (this.bytes > this.#maxBytes) throw this.#tooLarge();
      yield chunk;
      this.#reportProgress();
    }
  }

  #reportProgress(): void {
    if (this.#csv.totalBytes === undefined) return;
    const percent = Math.min(100, Math.floor((this.bytes / this.#csv.totalBytes) * 100));
    if (percent === this.#percent) return;
    this.#percent = percent;
    this.#report(percent);
  }

  #tooLarge(): PermanentError {
    return new PermanentError(
      `${this.#csv.label} is larger than the ${this.#maxBytes} bytes a job may read. ` +
        'Split the file, or raise HANDLER_MAX_BYTES on the workers.',
    );
  }
}
