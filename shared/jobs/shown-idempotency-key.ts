/**
 * Of a row `j` of jobs: its idempotency key as the caller gave it. The HTTP API stores it behind the id of the caller's API key
 * (api/auth/scope-key.ts). A key like "2024/may", which the library or a caller without an API key gave, stays as it is: only the
 * id of an API key that there is, or was, is taken off. substring gives null, and so finds nothing, where there is none.
 */
export const SHOWN_IDEMPOTENCY_KEY = `CASE
  WHEN EXISTS (SELECT 1 FROM api_keys k WHERE k.id = substring(j.idempotency_key FROM '^([1-9][0-9]{0,17})/')::bigint)
  THEN substr(j.idempotency_key, strpos(j.idempotency_key, '/') + 1) ELSE j.idempotency_key END AS idempotency_key`;
