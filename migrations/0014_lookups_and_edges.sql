-- Up Migration

-- The planner takes a LIMIT that it does not know for a tenth of the table: it joined what is ready to the whole history.
CREATE OR REPLACE FUNCTION get_ready_jobs(max_jobs int, in_queue text DEFAULT NULL) RETURNS SETOF jobs
LANGUAGE sql STABLE SET search_path FROM CURRENT SET jit = off AS $$
  WITH RECURSIVE queue_names (name) AS (
    (SELECT j.queue FROM jobs j
      WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
        AND j.queue >= COALESCE(in_queue, '') AND (in_queue IS NULL OR j.queue = in_queue)
      ORDER BY j.queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM jobs j
             WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL AND j.queue > n.name
             ORDER BY j.queue LIMIT 1)
      FROM queue_names n WHERE n.name IS NOT NULL AND in_queue IS NULL
  ), ready AS (
    SELECT lane.* FROM queue_names n CROSS JOIN LATERAL (
      SELECT j.id, j.queue, j.priority, j.ready_at FROM jobs j
       WHERE j.queue = n.name AND j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
         AND j.status = 'pending' AND j.ready_at <= now()
       ORDER BY j.priority DESC, j.ready_at, j.id LIMIT (SELECT max_jobs)) lane
    UNION ALL
    SELECT j.id, j.queue, j.priority, j.ready_at FROM jobs j
     WHERE j.set_aside_at IS NOT NULL AND j.status = 'pending' AND j.unmet_dependencies = 0 AND j.ready_at <= now()
       AND (in_queue IS NULL OR j.queue = in_queue)
  ), chosen AS MATERIALIZED (
    SELECT r.id, r.priority, r.ready_at FROM ready r
     WHERE NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = r.queue AND q.paused_at IS NOT NULL)
     ORDER BY r.priority DESC, r.ready_at, r.id LIMIT (SELECT max_jobs)
  )
  -- OFFSET 0: one probe for each, whatever the planner believes of their number.
  SELECT j.* FROM chosen c CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = c.id OFFSET 0) j
   ORDER BY c.priority DESC, c.ready_at, c.id
$$;

-- An id that is taken, since the sequence is behind after a restore, is an error and no turn of the loop.
CREATE OR REPLACE FUNCTION submit_job(
  job_type text,
  payload jsonb DEFAULT '{}',
  queue text DEFAULT 'default',
  priority int DEFAULT NULL,
  max_retries int DEFAULT 3,
  timeout_ms int DEFAULT 300000,
  scheduled_at timestamptz DEFAULT NULL,
  depends_on bigint[] DEFAULT NULL,
  on_failure dependency_policy DEFAULT 'block',
  metadata jsonb DEFAULT NULL,
  tags text[] DEFAULT NULL,
  created_by text DEFAULT NULL,
  unique_key text DEFAULT NULL,
  unique_policy text DEFAULT 'return_existing'
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  new_id bigint;
BEGIN
  IF unique_policy IS NULL OR unique_policy NOT IN ('return_existing', 'replace_payload') THEN
    RAISE EXCEPTION 'unique_policy must be return_existing or replace_payload, not %', COALESCE(unique_policy, 'null')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  LOOP
    INSERT INTO jobs (job_type, payload, queue, priority, max_retries, timeout_ms, scheduled_at, metadata, tags, created_by, unique_key)
    VALUES (submit_job.job_type, submit_job.payload, submit_job.queue, COALESCE(submit_job.priority, 50), submit_job.max_retries,
            submit_job.timeout_ms, submit_job.scheduled_at, submit_job.metadata, submit_job.tags, submit_job.created_by,
            submit_job.unique_key)
    ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND completed_at IS NULL DO NOTHING RETURNING id INTO new_id;
    EXIT WHEN new_id IS NOT NULL;
    -- The row lock decides between this and a claim. A time in the past would lie behind the promoter's cursor.
    IF unique_policy = 'replace_payload' THEN
      UPDATE jobs j SET payload = submit_job.payload, priority = COALESCE(submit_job.priority, j.priority),
        scheduled_at = CASE WHEN submit_job.scheduled_at IS NULL THEN j.scheduled_at
                            ELSE GREATEST(submit_job.scheduled_at, clock_timestamp()) END,
        updated_at = clock_timestamp()
      WHERE j.unique_key = submit_job.unique_key AND j.completed_at IS NULL AND j.status = 'pending'
        AND j.job_type = submit_job.job_type
      RETURNING id INTO new_id;
      IF new_id IS NOT NULL THEN RETURN new_id; END IF;
    END IF;
    SELECT id INTO new_id FROM jobs j WHERE j.unique_key = submit_job.unique_key AND j.completed_at IS NULL;
    IF new_id IS NOT NULL THEN RETURN new_id; END IF;
    -- The twin finished between the two statements: insert again.
  END LOOP;
  IF depends_on IS NOT NULL THEN
    INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
    SELECT DISTINCT new_id, parent, submit_job.on_failure FROM unnest(depends_on) AS parent;
  END IF;
  RETURN new_id;
END $$;

-- A person who completes a row that a worker had releases its dependents, too. Holdfast's own statements set updated_at, and workers
-- release after their commit.
DROP TRIGGER jobs_release_dependents ON jobs;
CREATE TRIGGER jobs_release_dependents AFTER UPDATE ON jobs
  FOR EACH ROW WHEN (NEW.has_dependents AND NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL
    AND (NEW.worker_id IS NULL OR NEW.updated_at = OLD.updated_at)
    AND current_setting('holdfast.released_by', true) IS DISTINCT FROM 'caller')
  EXECUTE FUNCTION release_dependents_of_row();

-- The history of jobs that are gone would be that of others, when the ids begin anew.
CREATE FUNCTION truncate_job_executions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM cancel_requests;
  TRUNCATE job_executions;
  RETURN NULL;
EXCEPTION WHEN object_in_use THEN
  -- The same statement truncates it, too, or this session reads it.
  DELETE FROM job_executions;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_truncate_executions AFTER TRUNCATE ON jobs
  FOR EACH STATEMENT EXECUTE FUNCTION truncate_job_executions();

-- One row that was created at '-infinity' has no age, and stopped every statement that asks for ages. What is there already stays.
ALTER TABLE jobs ADD CONSTRAINT jobs_times_are_finite
  CHECK (isfinite(created_at) AND isfinite(started_at)) NOT VALID;

-- Down Migration

ALTER TABLE jobs DROP CONSTRAINT jobs_times_are_finite;
DROP TRIGGER jobs_truncate_executions ON jobs;
DROP FUNCTION truncate_job_executions();
DROP TRIGGER jobs_release_dependents ON jobs;
CREATE TRIGGER jobs_release_dependents AFTER UPDATE ON jobs
  FOR EACH ROW WHEN (NEW.has_dependents AND NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.worker_id IS NULL
    AND current_setting('holdfast.released_by', true) IS DISTINCT FROM 'caller')
  EXECUTE FUNCTION release_dependents_of_row();
CREATE OR REPLACE FUNCTION get_ready_jobs(max_jobs int, in_queue text DEFAULT NULL) RETURNS SETOF jobs
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
  WITH RECURSIVE queue_names (name) AS (
    (SELECT j.queue FROM jobs j
      WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
        AND j.queue >= COALESCE(in_queue, '') AND (in_queue IS NULL OR j.queue = in_queue)
      ORDER BY j.queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM jobs j
             WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL AND j.queue > n.name
             ORDER BY j.queue LIMIT 1)
      FROM queue_names n WHERE n.name IS NOT NULL AND in_queue IS NULL
  ), ready AS (
    SELECT lane.* FROM queue_names n CROSS JOIN LATERAL (
      SELECT j.id, j.queue, j.priority, j.ready_at FROM jobs j
       WHERE j.queue = n.name AND j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
         AND j.status = 'pending' AND j.ready_at <= now()
       ORDER BY j.priority DESC, j.ready_at, j.id LIMIT max_jobs) lane
    UNION ALL
    SELECT j.id, j.queue, j.priority, j.ready_at FROM jobs j
     WHERE j.set_aside_at IS NOT NULL AND j.status = 'pending' AND j.unmet_dependencies = 0 AND j.ready_at <= now()
       AND (in_queue IS NULL OR j.queue = in_queue)
  )
  SELECT j.* FROM ready r JOIN jobs j ON j.id = r.id
   WHERE NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = r.queue AND q.paused_at IS NOT NULL)
   ORDER BY r.priority DESC, r.ready_at, r.id LIMIT max_jobs
$$;

CREATE OR REPLACE FUNCTION submit_job(
  job_type text,
  payload jsonb DEFAULT '{}',
  queue text DEFAULT 'default',
  priority int DEFAULT NULL,
  max_retries int DEFAULT 3,
  timeout_ms int DEFAULT 300000,
  scheduled_at timestamptz DEFAULT NULL,
  depends_on bigint[] DEFAULT NULL,
  on_failure dependency_policy DEFAULT 'block',
  metadata jsonb DEFAULT NULL,
  tags text[] DEFAULT NULL,
  created_by text DEFAULT NULL,
  unique_key text DEFAULT NULL,
  unique_policy text DEFAULT 'return_existing'
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  new_id bigint;
BEGIN
  IF unique_policy IS NULL OR unique_policy NOT IN ('return_existing', 'replace_payload') THEN
    RAISE EXCEPTION 'unique_policy must be return_existing or replace_payload, not %', COALESCE(unique_policy, 'null')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  LOOP
    INSERT INTO jobs (job_type, payload, queue, priority, max_retries, timeout_ms, scheduled_at, metadata, tags, created_by, unique_key)
    VALUES (submit_job.job_type, submit_job.payload, submit_job.queue, COALESCE(submit_job.priority, 50), submit_job.max_retries,
            submit_job.timeout_ms, submit_job.scheduled_at, submit_job.metadata, submit_job.tags, submit_job.created_by,
            submit_job.unique_key)
    ON CONFLICT DO NOTHING RETURNING id INTO new_id;
    EXIT WHEN new_id IS NOT NULL;
    -- The row lock decides between this and a claim. A time in the past would lie behind the promoter's cursor.
    IF unique_policy = 'replace_payload' THEN
      UPDATE jobs j SET payload = submit_job.payload, priority = COALESCE(submit_job.priority, j.priority),
        scheduled_at = CASE WHEN submit_job.scheduled_at IS NULL THEN j.scheduled_at
                            ELSE GREATEST(submit_job.scheduled_at, clock_timestamp()) END,
        updated_at = clock_timestamp()
      WHERE j.unique_key = submit_job.unique_key AND j.completed_at IS NULL AND j.status = 'pending'
        AND j.job_type = submit_job.job_type
      RETURNING id INTO new_id;
      IF new_id IS NOT NULL THEN RETURN new_id; END IF;
    END IF;
    SELECT id INTO new_id FROM jobs j WHERE j.unique_key = submit_job.unique_key AND j.completed_at IS NULL;
    IF new_id IS NOT NULL THEN RETURN new_id; END IF;
    -- The twin finished between the two statements: insert again.
  END LOOP;
  IF depends_on IS NOT NULL THEN
    INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
    SELECT DISTINCT new_id, parent, submit_job.on_failure FROM unnest(depends_on) AS parent;
  END IF;
  RETURN new_id;
END $$;
