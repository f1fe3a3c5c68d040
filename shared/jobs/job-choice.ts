import type { JobStatus } from './job-state.js';

/** Which jobs an operation on many is about; what is left out does not matter, but something must be named. */
export interface JobChoice {
  readonly ids?: readonly number[] | undefined;
  readonly status?: JobStatus | undefined;
  readonly queue?: string | undefined;
  readonly jobType?: string | undefined;
  readonly errorClass?: string | undefined;
  readonly tag?: string | undefined;
  readonly createdBy?: string | undefined;
}

/** $1 job type, $2 queue, $3 created_by, $4 tag, $5 statuses, $6 error class, for the rows of `alias`. */
export const matchesChoice = (alias: string): string =>
  `${alias}.status = ANY ($5::job_status[]) AND ($1::text IS NULL OR ${alias}.job_type = $1)
  AND ($2::text IS NULL OR ${alias}.queue = $2) AND ($3::text IS NULL OR ${alias}.created_by = $3)
  AND ($4::text IS NULL OR ${alias}.tags @> ARRAY[$4::text]) AND ($6::text IS NULL OR ${alias}.error_class = $6)`;

/** @param statuses of which the operation can be done; `choice.status` is one of them, or open */
export function choiceValues(choice: JobChoice, statuses: readonly JobStatus[]): unknown[] {
  const { jobType, queue, createdBy, tag, status, errorClass } = choice;
  const of = (value: string | undefined) => value ?? null;
  return [of(jobType), of(queue), of(createdBy), of(tag), status ? [status] : statuses, of(errorClass)];
}
