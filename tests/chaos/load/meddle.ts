import { request } from 'undici';
import type { PromisedJob } from './promises.js';
import { repeat, type Submitter, type SubmitterContext } from './submitter.js';

/** What people do to jobs: cancel some, run failed ones again, replay dead letters. */
export function meddle(context: SubmitterContext, everyMs: number): Submitter {
  const { world, promises, random } = context;
  const apis = world.members.filter(({ process }) => process.spec.role === 'api');
  const waiting: PromisedJob[] = [];
  let seen = 0;
  return repeat(everyMs, async () => {
    const all = [...promises.jobs.values()];
    for (const job of all.slice(seen)) if (random.next() < chanceOfCancel(job)) waiting.push(job);
    seen = all.length;
    const api = random.pick(apis);
    await Promise.all(
      waiting.splice(0, 10).map(async (job) => {
        const status = await call(`${api.url}/api/jobs/${job.id}?reason=chaos`, 'DELETE');
        const answers = promises.answersOf(api.process.name);
        if (status === 200) answers.cancelled++;
        else if (status !== 409) answers.maybeCancelled++;
        noteCancel(job, status);
      }),
    );
    const failed = all.at(-Math.ceil(random.between(50, 400)));
    if (failed?.jobType === 'permanent' || failed?.jobType === 'exhausted')
      await runAgain(context, failed, api.url);
  });
}

const chanceOfCancel = ({ jobType }: PromisedJob): number =>
  jobType === 'patient' ? 0.8 : jobType === 'slow' ? 0.1 : 0.005;

function noteCancel(job: PromisedJob, status: number): void {
  if (status === 200) {
    job.mayEndAs.clear();
    job.mayEndAs.add('cancelled');
  } else if (status !== 409) job.mayEndAs.add('cancelled');
}

async function runAgain({ world, random }: SubmitterContext, job: PromisedJob, api: string): Promise<void> {
  // Before it is asked for: the answer may get lost.
  job.isAskedAgain = true;
  if (random.next() < 0.5) await call(`${api}/api/jobs/${job.id}/retry`, 'POST');
  else
    await world.db
      .query(`SELECT replay_dead_letter(id) FROM dead_letter_jobs WHERE job_id = $1 AND status = 'open'`, [
        job.id,
      ])
      .catch(() => undefined);
}

/** 0: no answer. */
async function call(url: string, method: 'DELETE' | 'POST'): Promise<number> {
  try {
    const { statusCode, body } = await request(url, { method, headersTimeout: 15_000, bodyTimeout: 15_000 });
    await body.dump();
    return statusCode;
  } catch {
    return 0;
  }
}
