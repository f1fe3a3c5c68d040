-- Up Migration

-- The SQL people call. Each also serves the API and the CLI where these do the same.

CREATE FUNCTION get_ready_jobs(max_jobs int, in_queue text DEFAULT NULL) RETURNS SETOF jobs
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
COMMENT ON FUNCTION get_ready_jobs IS 'Pending, due, dependencies met, queue not paused; highest priority first, then oldest. Reads only.';

CREATE FUNCTION retry_failed_jobs(retry_delay_ms int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  retried int;
  keyed_id bigint;
BEGIN
  WITH candidate AS (
    SELECT id FROM jobs j
     WHERE error_class IS NOT NULL AND status = 'failed' AND retry_count < max_retries AND unique_key IS NULL
       AND NOT EXISTS (SELECT 1 FROM dead_letter_jobs d WHERE d.job_id = j.id AND d.status = 'open')
     ORDER BY id FOR UPDATE SKIP LOCKED
  )
  UPDATE jobs SET status = 'pending', retry_count = retry_count + 1, completed_at = NULL, worker_id = NULL,
    scheduled_at = now() + retry_delay_ms * interval '1 millisecond', updated_at = clock_timestamp()
  WHERE id IN (SELECT id FROM candidate);
  GET DIAGNOSTICS retried = ROW_COUNT;

  -- One by one: of several with the same key the oldest runs, and a key may be taken between the look and the write.
  FOR keyed_id IN
    SELECT j.id FROM jobs j
     WHERE j.error_class IS NOT NULL AND j.status = 'failed' AND j.retry_count < j.max_retries AND j.unique_key IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM dead_letter_jobs d WHERE d.job_id = j.id AND d.status = 'open')
       AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.unique_key = j.unique_key AND o.completed_at IS NULL)
     ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
  LOOP
    BEGIN
      UPDATE jobs SET status = 'pending', retry_count = retry_count + 1, completed_at = NULL, worker_id = NULL,
        scheduled_at = now() + retry_delay_ms * interval '1 millisecond', updated_at = clock_timestamp()
      WHERE id = keyed_id;
      retried := retried + 1;
    EXCEPTION WHEN unique_violation THEN
      NULL;
    END;
  END LOOP;
  RETURN retried;
END $$;
COMMENT ON FUNCTION retry_failed_jobs IS 'Failed jobs with retries left and no open dead letter become pending again, due after the delay; left out are those whose unique key an unfinished job has. Returns how many.';

-- priority is null where it is not given: then a replaced job keeps the one it has.
CREATE FUNCTION submit_job(
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
COMMENT ON FUNCTION submit_job IS 'Submits a job in the caller''s transaction; returns its id. With a unique_key that an unfinished job has: that job''s id; with unique_policy replace_payload its payload is replaced while it waits.';

CREATE FUNCTION cancel_job(job_id bigint, reason text DEFAULT NULL) RETURNS text
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
COMMENT ON FUNCTION cancel_job IS 'Cancels a pending or running job. Returns cancelled, already_finished or not_found.';

-- What is this job doing, and why? One answer, for SQL, API and console alike.
CREATE FUNCTION explain_job(job jobs, OUT state text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
  state := job.status::text;
  IF job.status = 'running' THEN
    reason := format('attempt %s runs on worker %s since %s', job.attempt, COALESCE(job.worker_id, '(none)'), job.started_at);
  ELSIF job.status <> 'pending' THEN
    reason := COALESCE(job.error_message, format('finished at %s', job.completed_at));
  ELSIF job.scheduled_at > now() THEN
    state := 'scheduled';
    reason := format('%s at %s', CASE WHEN job.retry_count > 0 THEN format('retry %s of %s', job.retry_count, job.max_retries) ELSE 'due' END, job.scheduled_at);
  ELSIF job.unmet_dependencies > 0 THEN
    state := 'blocked';
    reason := (SELECT format('waits for %s job(s): %s', job.unmet_dependencies,
                 COALESCE(string_agg(format('%s (%s)', p.id, p.status), ', '), 'one that was deleted before it completed'))
                 FROM (SELECT p.id, p.status FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
                        WHERE d.job_id = job.id AND d.satisfied_at IS NULL ORDER BY p.id LIMIT 5) p);
  ELSIF EXISTS (SELECT 1 FROM queues q WHERE q.name = job.queue AND q.paused_at IS NOT NULL) THEN
    state := 'paused';
    reason := format('queue %s is paused', job.queue);
  ELSE
    state := 'ready';
    reason := CASE
      WHEN NOT EXISTS (SELECT 1 FROM workers w WHERE w.dead_at IS NULL AND w.stopped_at IS NULL AND job.queue = ANY (w.queues))
        THEN format('no live worker serves queue %s', job.queue)
      WHEN NOT EXISTS (SELECT 1 FROM workers w WHERE w.dead_at IS NULL AND w.stopped_at IS NULL AND job.queue = ANY (w.queues)
                          AND job.job_type = ANY (w.job_types))
        THEN format('no worker handles this type (%s)', job.job_type)
      ELSE 'waits for a free slot' END;
  END IF;
END $$;
CREATE VIEW job_states AS
  SELECT j.id AS job_id, e.state, e.reason FROM jobs j CROSS JOIN LATERAL explain_job(j) e;
COMMENT ON VIEW job_states IS 'The derived state of each job (scheduled, blocked, paused, ready, or its status) and the reason.';

-- Down Migration

DROP VIEW job_states;
DROP FUNCTION explain_job(jobs), cancel_job(bigint, text),
  submit_job(text, jsonb, text, int, int, int, timestamptz, bigint[], dependency_policy, jsonb, text[], text, text, text),
  retry_failed_jobs(int), get_ready_jobs(int, text);
