import { closeSync, openSync, writeSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';

/** One effect that a handler had: a line of the ledger, a file outside both servers. */
export interface Effect {
  /** Milliseconds since 1970, by this machine's clock. */
  readonly at: number;
  readonly pid: number;
  readonly jobId: number;
  readonly attempt: number;
  readonly jobType: string;
  /** The name that the submitter gave the job. */
  readonly ref: string;
}

/** For handlers: appends in one write, so that many processes share the file and a killed one leaves no half line. */
export function openLedger(path: string): (effect: Omit<Effect, 'at' | 'pid'>) => void {
  const file = openSync(path, 'a');
  return ({ jobId, attempt, jobType, ref }) => {
    writeSync(file, `${Date.now()} ${process.pid} ${jobId} ${attempt} ${jobType} ${ref}\n`);
  };
}

export function createLedger(path: string): void {
  closeSync(openSync(path, 'wx'));
}

export async function readLedger(path: string): Promise<Effect[]> {
  return (await readFile(path, 'utf8')).split('\n').filter(Boolean).map(parseLine);
}

/** Reads on from where the last call ended. */
export function followLedger(path: string): () => Promise<Effect[]> {
  let position = 0;
  let rest = '';
  return async () => {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(
        Buffer.alloc(size - position),
        0,
        size - position,
        position,
      );
      position += bytesRead;
      const lines = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      return lines.map(parseLine);
    } finally {
      await file.close();
    }
  };
}

function parseLine(line: string): Effect {
  const [at, pid, jobId, attempt, jobType = '', ref = ''] = line.split(' ');
  return { at: Number(at), pid: Number(pid), jobId: Number(jobId), attempt: Number(attempt), jobType, ref };
}
