import type { Command } from 'commander';
import { DURATION_FORM, numberOrText, readDuration, repeated } from '../../input/option-values.js';
import { readJson } from '../../input/read-json.js';

/** What may be said of a job besides its type. */
export interface JobFieldOptions {
  readonly payload?: string;
  readonly queue?: string;
  readonly priority?: number | string;
  readonly maxRetries?: number | string;
  readonly timeout?: number;
  readonly at?: string;
  readonly delay?: number;
  readonly dependsOn?: readonly string[];
  readonly metadata?: string;
  readonly tag?: readonly string[];
  readonly uniqueKey?: string;
  readonly uniquePolicy?: string;
  readonly idempotencyKey?: string;
  readonly createdBy?: string;
}

export function addJobFields(command: Command): Command {
  return command
    .option(
      '--payload <json>',
      'what the handler is given: JSON, @file, or @- for standard input; {} where nothing is said',
    )
    .option('--queue <name>', 'where to; "default" where nothing is said')
    .option('--priority <number>', '0 to 100, higher first; 50 where nothing is said', numberOrText)
    .option('--max-retries <number>', 'attempts after the first one', numberOrText)
    .option('--timeout <duration>', `for one attempt: ${DURATION_FORM}`, readDuration)
    .option('--at <time>', 'not before this time, such as 2030-01-31T09:00:00Z')
    .option('--delay <duration>', `not before this long from now: ${DURATION_FORM}`, readDuration)
    .option(
      '--depends-on <id>',
      'a job that must complete first; ID:cancel, ID:run or ID:block says what to do when it fails; may be repeated',
      repeated,
    )
    .option('--tag <tag>', 'to find it by; may be repeated', repeated)
    .option('--metadata <json>', 'kept with the job: JSON or @file')
    .option('--unique-key <key>', 'at most one unfinished job has it')
    .option('--unique-policy <policy>', 'when one has it: return_existing, or replace_payload')
    .option(
      '--idempotency-key <key>',
      'submitting again gives the first job; in a batch, KEY:LINE is the key of a line',
    )
    .option('--created-by <name>', 'who submits it');
}

/** As a part of the body of POST /api/jobs. @throws BadInput for what is no JSON */
export async function readJobFields(options: JobFieldOptions) {
  return {
    payload: await readJson('--payload', options.payload),
    queue: options.queue,
    priority: options.priority,
    max_retries: options.maxRetries,
    timeout_ms: options.timeout,
    scheduled_at: options.at,
    delay_ms: options.delay,
    depends_on: options.dependsOn?.map(readDependency),
    metadata: await readJson('--metadata', options.metadata),
    tags: options.tag,
    unique_key: options.uniqueKey,
    unique_policy: options.uniquePolicy,
    created_by: options.createdBy,
  };
}

export type JobFields = Awaited<ReturnType<typeof readJobFields>>;

/** `42`, or `42:cancel`. What is neither goes as it is, and the API says so. */
export function readDependency(text: string): unknown {
  const [id = '', policy] = text.split(':');
  return policy === undefined ? numberOrText(id) : { job_id: numberOrText(id), on_failure: policy };
}
