import type { Client } from '../../shared/client/create-client.js';
import { noop, noopPayloads } from '../noop-job.js';
import { perSecond } from '../statistics.js';

/** Jobs per second, `batch` in one INSERT, `inFlight` INSERTs at once, each committed. */
export async function measureBulkSubmit(
  client: Client,
  count: number,
  batch: number,
  inFlight: number,
): Promise<number> {
  const payloads = noopPayloads(batch);
  let left = count / batch;
  const start = performance.now();
  const lane = async () => {
    while (left-- > 0) await client.submitMany(noop, payloads);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return perSecond(count, performance.now() - start);
}

/** Jobs per second, one `submit` each, `inFlight` callers that wait for their own commit. */
export async function measureSingleSubmits(client: Client, count: number, inFlight: number): Promise<number> {
  const payloads = noopPayloads(1);
  let left = count;
  const start = performance.now();
  const caller = async () => {
    while (left-- > 0) await client.submit(noop, payloads[0] as { n: number; to: string });
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return perSecond(count, performance.now() - start);
}
