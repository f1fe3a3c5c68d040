import type { Seal } from '../seal.js';
import { toClaimed, type ClaimedJob, type ClaimedRow } from './claimed-job.js';

/** Jobs that a submitter claimed for a worker, under the number that the worker gave to its offer. */
export interface Assignment {
  readonly batchNo: number;
  readonly jobs: readonly ClaimedJob[];
}

/** `rows`: a ClaimedRow each, as JSON. What was sealed for one channel is void on another. */
export const sealAssignment = (
  seal: Seal,
  channel: string,
  batchNo: number,
  rows: readonly string[],
): Buffer => seal.seal(`{"batchNo":${batchNo},"rows":[${rows.join(',')}]}`, channel);

/** Undefined: not ours. */
export function openAssignment(seal: Seal, channel: string, message: Buffer): Assignment | undefined {
  const text = seal.open(message, channel);
  if (text === undefined) return undefined;
  const { batchNo, rows } = JSON.parse(text) as { batchNo: number; rows: ClaimedRow[] };
  return { batchNo, jobs: rows.map((row) => toClaimed(row, batchNo)) };
}
