import { messageOf } from '../../../shared/errors.js';
import { BadInput } from '../../failure.js';
import { numberOrText } from '../../input/option-values.js';
import { readDependency } from './job-fields.js';

type Read = (text: string) => unknown;

const asText: Read = (text) => text;
const asList =
  (read: Read): Read =>
  (text) =>
    text.split(/\s+/).map(read);

/** A cell of each column that is a field of a job. */
const COLUMNS: Readonly<Record<string, Read>> = {
  job_type: asText,
  payload: (text) => JSON.parse(text) as unknown,
  queue: asText,
  priority: numberOrText,
  max_retries: numberOrText,
  timeout_ms: numberOrText,
  scheduled_at: asText,
  delay_ms: numberOrText,
  depends_on: asList(readDependency),
  metadata: (text) => JSON.parse(text) as unknown,
  tags: asList(asText),
  unique_key: asText,
  unique_policy: asText,
  idempotency_key: asText,
  created_by: asText,
};

const IN_PAYLOAD = 'payload.';

/**
 * The job that a record says. Empty cells say nothing; lists have spaces in between; a column `payload.NAME` is a field of the
 * payload, always a text: a postal code is no number.
 *
 * @throws BadInput naming line and column
 */
export function toJob(
  record: Readonly<Record<string, string>>,
  line: number,
): Readonly<Record<string, unknown>> {
  const job: Record<string, unknown> = {};
  const inPayload: [name: string, text: string][] = [];
  for (const [column, text] of Object.entries(record)) {
    if (column.startsWith(IN_PAYLOAD)) inPayload.push([column.slice(IN_PAYLOAD.length), text]);
    else if (text !== '') job[column] = readCell(column, text, line);
  }
  if (inPayload.length === 0) return job;
  return { ...job, payload: { ...(job.payload as object | undefined), ...Object.fromEntries(inPayload) } };
}

function readCell(column: string, text: string, line: number): unknown {
  const read = COLUMNS[column];
  if (!read)
    throw new BadInput(`line ${line}: column "${column}" is no field of a job: name it payload.${column}?`);
  try {
    return read(text);
  } catch (error) {
    throw new BadInput(`line ${line}: ${column}: is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}
