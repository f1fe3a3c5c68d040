import { HoldfastError, messageOf, type FieldProblem } from '../errors.js';
import type { JobDefaults } from '../installation.js';
import { toParameter, toRow, type NewJob } from './new-job.js';
import { DEFAULT_MOST_BYTES, findProblem, isWithin, MOST_BYTES_TOGETHER } from './storable-json.js';

/** Said of a job that cannot be stored, whatever the reason. */
export function refuseJob(detail: FieldProblem, cause?: unknown): HoldfastError {
  const { field, problem } = detail;
  const details = [detail];
  return new HoldfastError('validation_failed', `the job cannot be stored: its ${field} ${problem}`, {
    details,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Of several jobs, says of which one the error is: its fields are then called `jobs.7.payload`. */
export function nameJob(error: HoldfastError, index: number): HoldfastError {
  const details = error.details.map(({ field, problem }) => ({ field: `jobs.${index}.${field}`, problem }));
  return new HoldfastError(error.code, `jobs.${index}: ${error.message}`, { cause: error, details });
}

/** The first of these jobs with a value that cannot be stored, as an error that names it; undefined when all can be. */
export function findUnstorableJob(
  jobs: readonly NewJob[],
  defaults: JobDefaults,
  cause?: unknown,
): HoldfastError | undefined {
  const limit = {
    mostBytes: defaults.maxPayloadBytes ?? DEFAULT_MOST_BYTES,
    advice:
      'store it elsewhere and submit a reference to it, or raise JOB_MAX_PAYLOAD_BYTES (maxPayloadBytes)',
  };
  for (const [index, job] of jobs.entries()) {
    // Without its key: the hash of the request would be made of it, which may be what fails.
    for (const [field, value] of Object.entries(toRow({ ...job, idempotencyKey: undefined }, defaults))) {
      if (value === undefined || value === null) continue;
      const problem = findProblem(value, limit);
      if (problem === undefined) continue;
      const refused = refuseJob({ field, problem }, cause);
      return jobs.length > 1 ? nameJob(refused, index) : refused;
    }
  }
  return undefined;
}

/**
 * The jobs as one JSON text. Looks at them one by one only when something is wrong with all of it.
 *
 * @throws HoldfastError `validation_failed`
 */
export function toJson(jobs: readonly NewJob[], defaults: JobDefaults): string {
  let json: string;
  try {
    json = JSON.stringify(toParameter(jobs, defaults));
  } catch (error) {
    const problem = `has no form in JSON: ${messageOf(error)}`;
    throw (
      findUnstorableJob(jobs, defaults, error) ??
      (jobs.length > 1 ? tooMuchTogether(jobs) : refuseJob({ field: 'payload', problem }, error))
    );
  }
  if (isWithin(json, defaults.maxPayloadBytes ?? DEFAULT_MOST_BYTES)) return json;
  const unstorable = findUnstorableJob(jobs, defaults);
  if (unstorable !== undefined) throw unstorable;
  if (jobs.length > 1 && !isWithin(json, MOST_BYTES_TOGETHER)) throw tooMuchTogether(jobs);
  return json;
}

function tooMuchTogether(jobs: readonly NewJob[]): HoldfastError {
  const problem = `are ${jobs.length} that are together more than ${MOST_BYTES_TOGETHER} bytes of JSON: submit them in parts`;
  return new HoldfastError('validation_failed', `jobs ${problem}`, { details: [{ field: 'jobs', problem }] });
}
