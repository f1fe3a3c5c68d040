import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { messageOf } from '../../shared/errors.js';
import { PermanentError, TransientError } from '../../shared/jobs/job-errors.js';
import { excerpt } from './excerpt.js';
import { describeUrl, networkError, type GuardedHttp } from './guarded-http.js';
import { readText } from './http-body.js';
import { statusError } from './http-status.js';

/** An open CSV document; destroying the stream lets go of the file or the connection. */
export interface CsvSource {
  /** What to call it in messages and results, without secrets. */
  readonly label: string;
  readonly stream: Readable;
  readonly totalBytes: number | undefined;
  /** What reading the stream failed with, as a job error. */
  readError(error: unknown): unknown;
}

export async function openUrl(
  url: string,
  http: GuardedHttp,
  idleTimeoutMs: number,
  signal: AbortSignal,
): Promise<CsvSource> {
  const response = await http.request(url, { signal, idleTimeoutMs });
  const label = describeUrl(url);
  const readError = (error: unknown): unknown => networkError(error, label, signal);
  if (response.statusCode === 200) {
    const length = Number(response.headers['content-length'] ?? NaN);
    return {
      label,
      stream: response.body,
      totalBytes: Number.isFinite(length) ? length : undefined,
      readError,
    };
  }
  const { text } = await readText(response.body, response.headers, 2_048).catch((error: unknown) => {
    throw readError(error);
  });
  throw statusError({
    request: `GET ${label}`,
    status: response.statusCode,
    headers: response.headers,
    excerpt: excerpt(text.replace(/\s+/g, ' ').trim(), 300),
  });
}

/** Opens a file inside the allowed directory; where a path really leads decides, not how it is written. */
export async function openPath(path: string, allowedDirectory: string | undefined): Promise<CsvSource> {
  if (allowedDirectory === undefined) {
    throw new PermanentError(
      'This worker reads no local files. Set HANDLER_DATA_DIR on the workers to the directory with the data, ' +
        'or give the source as a url.',
    );
  }
  try {
    const root = await realpath(allowedDirectory);
    const file = await realpath(resolve(root, path));
    if (!file.startsWith(root.endsWith(sep) ? root : root + sep)) throw outsideError(path);
    const { handle, size } = await openRegularFile(file, path);
    return {
      label: path,
      stream: handle.createReadStream(),
      totalBytes: size,
      readError: (error) =>
        new TransientError(`${path} could not be read to its end: ${messageOf(error)}.`, { cause: error }),
    };
  } catch (error) {
    throw openError(error, path);
  }
}

async function openRegularFile(file: string, path: string): Promise<{ handle: FileHandle; size: number }> {
  // A symlink put there after the check is not followed, and a named pipe does not block the worker.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, size: stats.size };
  await handle.close();
  throw new PermanentError(`${path} is not a file. Give the path of a CSV file.`);
}

function openError(error: unknown, path: string): unknown {
  if (error instanceof PermanentError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new PermanentError(
        `${path} does not exist in the data directory. Put the file there or correct the path.`,
      );
    case 'ELOOP':
      return outsideError(path);
    case 'EACCES':
    case 'EPERM':
      return new PermanentError(
        `${path} may not be read by the worker. Give its user the right to read the file.`,
      );
    case 'ERR_INVALID_ARG_VALUE':
    case 'ENAMETOOLONG':
      return new PermanentError('The path is not one a file can have. Correct it in the payload.');
    default:
      return new TransientError(`${path} could not be opened: ${messageOf(error)}.`, {
        cause: error,
      });
  }
}

function outsideError(path: string): PermanentError {
  return new PermanentError(
    `${path} leads outside the data directory (HANDLER_DATA_DIR). Only files inside it may be read.`,
  );
}
