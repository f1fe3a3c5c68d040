-- Up Migration

-- A row that has been running for longer than an int holds milliseconds, 24.8 days, as in a backup that is months old, can be cancelled, too.
CREATE OR REPLACE FUNCTION cancel_job(job_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  job jobs;
BEGIN
  SELECT * INTO job FROM jobs WHERE id = cancel_job.job_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN 'not_found'; END IF;
  IF job.completed_at IS NOT NULL THEN RETURN 'already_finished'; END IF;

  UPDATE jobs SET status = 'cancelled', completed_at = now(), error_class = 'cancelled',
    error_message = COALESCE(reason, 'cancelled'), updated_at = clock_timestamp() WHERE id = job.id;
  IF job.status = 'running' THEN
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, finished_at, duration_ms, error_class, error_message)
    VALUES (job.id, job.attempt, job.worker_id, 'cancelled', job.started_at, now(),
            LEAST(EXTRACT(epoch FROM now() - job.started_at) * 1000, 2147483647), 'cancelled', COALESCE(reason, 'cancelled'))
    ON CONFLICT DO NOTHING;
    IF job.worker_id IS NOT NULL THEN
      INSERT INTO cancel_requests (worker_id, job_id, attempt) VALUES (job.worker_id, job.id, job.attempt)
      ON CONFLICT DO NOTHING;
    END IF;
  END IF;
  IF job.has_dependents THEN PERFORM release_transitively(ARRAY[job.id]); END IF;
  RETURN 'cancelled';
END $$;

-- Down Migration

CREATE OR REPLACE FUNCTION cancel_job(job_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  job jobs;
BEGIN
  SELECT * INTO job FROM jobs WHERE id = cancel_job.job_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN 'not_found'; END IF;
  IF job.completed_at IS NOT NULL THEN RETURN 'already_finished'; END IF;

  UPDATE jobs SET status = 'cancelled', completed_at = now(), error_class = 'cancelled',
    error_message = COALESCE(reason, 'cancelled'), updated_at = clock_timestamp() WHERE id = job.id;
  IF job.status = 'running' THEN
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, finished_at, duration_ms, error_class, error_message)
    VALUES (job.id, job.attempt, job.worker_id, 'cancelled', job.started_at, now(),
            EXTRACT(epoch FROM now() - job.started_at) * 1000, 'cancelled', COALESCE(reason, 'cancelled'))
    ON CONFLICT DO NOTHING;
    IF job.worker_id IS NOT NULL THEN
      INSERT INTO cancel_requests (worker_id, job_id, attempt) VALUES (job.worker_id, job.id, job.attempt)
      ON CONFLICT DO NOTHING;
    END IF;
  END IF;
  IF job.has_dependents THEN PERFORM release_transitively(ARRAY[job.id]); END IF;
  RETURN 'cancelled';
END $$;
