import { Argument, type Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { BadInput } from '../../failure.js';
import { coloured } from '../../output/colours.js';
import { printJson } from '../../output/print.js';
import { addJobFields, readJobFields, type JobFieldOptions } from './job-fields.js';

interface SubmitOptions extends ClientOptions, JobFieldOptions {
  readonly batch?: string;
  readonly format?: string;
  readonly fromLine?: number;
  readonly watch?: boolean;
}

export function addSubmit(program: Command): void {
  const command = program
    .command('submit')
    .summary('submit a job, or a file of jobs')
    .description(
      'Submits a job. When this says so it is committed and will run. With --batch, submits a job for each line of a file: JSON ' +
        'Lines, each an object as POST /api/jobs takes it, or CSV, whose columns are its fields and payload.NAME. The options ' +
        'are then for the jobs that do not say.',
    )
    .addArgument(new Argument('[job-type]', 'selects the handler'));
  addJobFields(command)
    .option('--watch', 'follow the job to its end; then the exit code is the job’s')
    .option('--batch <file>', 'submit each line of a .jsonl or .csv file; - for standard input')
    .option('--format <format>', 'of the batch, where its name does not say: jsonl or csv')
    .option('--from-line <number>', 'leave out the lines before: go on where a batch stopped', readLine);
  addClientOptions(
    command,
    `$ holdfast submit email_notification --payload '{"to": "ada@example.org", "subject": "Hello", "text": "Hi"}'
     $ holdfast submit report --payload @report.json --delay 10m --priority 80
     $ holdfast submit report --payload '{}' --depends-on 41 --depends-on 42:cancel
     $ holdfast submit report --payload '{}' --watch
     $ holdfast submit --batch jobs.jsonl --tag import
     $ holdfast submit email_notification --batch people.csv --queue mail --idempotency-key july`,
  ).action(submit);
}

function readLine(text: string): number {
  const line = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (line < 1) throw new BadInput('--from-line: must be a whole number from 1');
  return line;
}

async function submit(jobType: string | undefined, options: SubmitOptions): Promise<void> {
  const job = { job_type: jobType, ...(await readJobFields(options)) };
  const { batch, idempotencyKey, watch } = options;
  if (batch !== undefined) {
    if (watch) throw new BadInput('--watch: follows one job, and --batch submits many');
    const { submitBatch } = await import('./submit-batch.js');
    return submitBatch({ ...options, batch }, job);
  }
  if (jobType === undefined) throw new BadInput('job-type: is required, unless --batch is given');
  await withClient(options, async (client) => {
    const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
    const answer = await client.post<SubmitAnswer>(
      '/api/jobs',
      { ...job, payload: job.payload ?? {} },
      headers,
    );
    if (watch) {
      const { followToEnd } = await import('../jobs/follow-job.js');
      if (!options.json) printSubmitted(answer);
      return followToEnd(client, answer.job_id, options);
    }
    if (options.json) printJson(answer);
    else printSubmitted(answer);
  });
}

interface SubmitAnswer {
  readonly job_id: number;
  readonly status: string;
  /** A job with the same key was there. */
  readonly is_existing?: boolean;
  readonly was_replaced?: boolean;
}

function printSubmitted({ job_id: id, status, is_existing: isOld, was_replaced: isNew }: SubmitAnswer): void {
  const job = `job ${coloured(String(id), 'bold')}`;
  if (!isOld) return console.log(`${job} is ${status}`);
  const payload = isNew ? '; it has this payload now' : '';
  console.log(`${job} was there already with the same key, and is ${status}${payload}`);
}
