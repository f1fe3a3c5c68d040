import { request } from 'undici';
import type { Member } from '../../world/world.js';

/** Submits a job and returns its id. @throws Error when the answer is not 201 */
export async function submitByApi({ url }: Member, job: Readonly<Record<string, unknown>>): Promise<number> {
  const { statusCode, body } = await request(`${url}/api/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(job),
  });
  const answer = (await body.json()) as { job_id: number };
  if (statusCode !== 201) throw new Error(`the API answered ${statusCode}: ${JSON.stringify(answer)}`);
  return answer.job_id;
}

export interface CancelAnswer {
  readonly status: number;
  /** Of the error. */
  readonly code: string | undefined;
}

export async function cancelByApi({ url }: Member, jobId: number): Promise<CancelAnswer> {
  const { statusCode, body } = await request(`${url}/api/jobs/${jobId}`, { method: 'DELETE' });
  const { code } = (await body.json()) as { code?: string };
  return { status: statusCode, code };
}
