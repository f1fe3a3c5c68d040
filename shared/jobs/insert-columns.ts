/** What a submit writes, and how a statement reads a job, or what jobs have in common, from JSON; see toParameter. */
export const INSERT_COLUMNS = `job_type, queue, priority, payload, max_retries, timeout_ms, scheduled_at, metadata, tags, created_by, unique_key,
  idempotency_key, request_hash`;

/** With the columns' own types: a default is a value of the domain and is not checked. `payload` stands for itself. */
export const JSON_FIELDS = `job_type job_type_name, queue queue_name, priority job_priority, max_retries counter, timeout_ms positive_ms,
  scheduled_at timestamptz, delay_ms double precision, metadata jsonb, tags text[], created_by text, unique_key text,
  idempotency_key text, request_hash text`;

export const QUEUE = `COALESCE(queue, 'default'::queue_name)`;
export const PRIORITY = 'COALESCE(priority, 50::job_priority)';
export const MAX_RETRIES = 'COALESCE(max_retries, 3::counter)';
export const TIMEOUT_MS = 'COALESCE(timeout_ms, 300000::positive_ms)';
export const SCHEDULED_AT = `COALESCE(scheduled_at, now() + delay_ms * interval '1 millisecond')`;

/** Of a job with JSON_FIELDS and a payload, what INSERT_COLUMNS get. JSON's null is no payload: a function, or NaN, became one. */
export const INSERT_VALUES = `job_type, ${QUEUE}, ${PRIORITY}, NULLIF(payload, 'null'), ${MAX_RETRIES}, ${TIMEOUT_MS}, ${SCHEDULED_AT}, metadata, tags,
  created_by, unique_key, idempotency_key, request_hash`;
