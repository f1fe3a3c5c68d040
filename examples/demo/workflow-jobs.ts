/** Three types that make a small workflow: split the work, do the parts side by side, put the results together. */
import { setTimeout as wait } from 'node:timers/promises';
import { defineJob, type AnyJobDefinition } from 'holdfast';
import { z } from 'zod';
import type { ApiClient } from './api-client.js';

const PARTS = 5;
const INVOICES = 1_000;
const centsOf = (invoice: number) => 1_000 + ((invoice * 7_919) % 50_000);

/** What the workflow must come to. */
export const LEDGER_TOTAL = sum(Array.from({ length: INVOICES }, (_, invoice) => centsOf(invoice)));

const ranges = z.array(z.tuple([z.int(), z.int()]));

/** Each job reads from the API what the jobs it depends on gave as their result. */
export function workflowJobs(api: ApiClient): AnyJobDefinition[] {
  const resultsOfParents = async (jobId: number): Promise<unknown[]> => {
    const { depends_on: parents } = await api.job(jobId);
    return Promise.all(parents.map(async (parent) => (await api.job(parent.job_id)).result));
  };

  const split = defineJob({
    type: 'split_ledger',
    payload: z.object({}),
    run: () => ({
      ranges: Array.from({ length: PARTS }, (_, part) => [
        (part * INVOICES) / PARTS,
        ((part + 1) * INVOICES) / PARTS,
      ]),
    }),
  });
  const sumPart = defineJob({
    type: 'sum_part',
    payload: z.object({ part: z.int() }),
    async run({ part }, { jobId, signal }) {
      const [plan] = z.array(z.object({ ranges })).parse(await resultsOfParents(jobId));
      const [from, to] = plan?.ranges[part] ?? [0, 0];
      await wait(200 + Math.random() * 300, undefined, { signal });
      return { cents: sum(Array.from({ length: to - from }, (_, index) => centsOf(from + index))) };
    },
  });
  const total = defineJob({
    type: 'total_ledger',
    payload: z.object({}),
    async run(_payload, { jobId }) {
      const parts = z.array(z.object({ cents: z.number() })).parse(await resultsOfParents(jobId));
      return { parts: parts.length, cents: sum(parts.map(({ cents }) => cents)) };
    },
  });
  return [split, sumPart, total];
}

/** Submits the workflow; returns the job that puts the results together. */
export async function submitWorkflow(
  submit: (jobType: string, payload: object, dependsOn: readonly number[]) => Promise<number>,
): Promise<number> {
  const first = await submit('split_ledger', {}, []);
  const parts = await Promise.all(
    Array.from({ length: PARTS }, (_, part) => submit('sum_part', { part }, [first])),
  );
  return submit('total_ledger', {}, parts);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
