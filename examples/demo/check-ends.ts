import { ApiError, type ApiClient, type DetailedJob } from './api-client.js';
import { shippedOrders } from './demo-jobs.js';
import type { MailSink } from './local-services.js';
import { FORGOTTEN_ORDER, SHIPPED_ORDER } from './submit-by-sql.js';
import type { End, Mix, PlannedJob } from './submit-mix.js';
import { LEDGER_TOTAL } from './workflow-jobs.js';

/** A job at its end, with what was expected of it. */
export interface EndedJob extends PlannedJob {
  readonly job: DetailedJob;
  readonly end: End | DetailedJob['status'];
}

export async function readEndedJobs(api: ApiClient, planned: readonly PlannedJob[]): Promise<EndedJob[]> {
  const ended = await Promise.all(
    planned.map(async (plan) => {
      const job = await api.job(plan.id);
      return { ...plan, job, end: job.status === 'failed' ? ('dead letter' as const) : job.status };
    }),
  );
  return ended.sort((a, b) => a.id - b.id);
}

export interface Evidence {
  readonly api: ApiClient;
  readonly ended: readonly EndedJob[];
  readonly mix: Mix;
  readonly rolledBackId: number;
  readonly sink: MailSink;
}

/** What is not as it should be, a line each; none when the demo went well. */
export async function findFaults({ api, ended, mix, rolledBackId, sink }: Evidence): Promise<string[]> {
  const faults = ended
    .filter(({ end, expected }) => end !== expected)
    .map(
      ({ id, end, expected, job }) =>
        `job ${id} ${job.job_type} should have ended as ${expected} but is ${end}: ${job.reason}`,
    );
  const mailJobs = ended.filter(
    ({ job, end }) => job.job_type === 'email_notification' && end === 'completed',
  );
  if (sink.mails.length !== mailJobs.length) {
    faults.push(`${mailJobs.length} mails were sent but ${sink.mails.length} arrived`);
  }
  const total = ended.find(({ id }) => id === mix.totalId)?.job.result as { cents?: number } | null;
  if (total?.cents !== LEDGER_TOTAL) {
    faults.push(`the workflow came to ${total?.cents} cents instead of ${LEDGER_TOTAL}`);
  }
  if (!shippedOrders.has(SHIPPED_ORDER)) faults.push('the job submitted by SQL did not run');
  if (shippedOrders.has(FORGOTTEN_ORDER) || !(await isUnknown(api, rolledBackId))) {
    faults.push(`job ${rolledBackId} was rolled back, and yet it is there`);
  }
  return faults;
}

const isUnknown = (api: ApiClient, id: number) =>
  api.job(id).then(
    () => false,
    (error: unknown) => error instanceof ApiError && error.status === 404,
  );
