-- Up Migration

-- A failed job's unique key may meanwhile belong to another, unfinished job: then it cannot become pending.

CREATE OR REPLACE FUNCTION retry_failed_jobs(retry_delay_ms int DEFAULT 1000) RETURNS int
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

CREATE OR REPLACE FUNCTION replay_dead_letter(
  id bigint, new_payload jsonb DEFAULT NULL, reviewer text DEFAULT NULL, review_note text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  letter dead_letter_jobs;
  replayed bigint;
  holder jobs;
BEGIN
  SELECT * INTO letter FROM dead_letter_jobs d WHERE d.id = replay_dead_letter.id FOR UPDATE;
  IF NOT FOUND OR letter.status <> 'open' THEN RETURN letter.replayed_job_id; END IF;

  -- The same row runs again, so that its children see it complete; only a job already pruned gets a new id.
  -- scheduled_at is set for the promoter: nobody pushes after this commit.
  BEGIN
    UPDATE jobs SET status = 'pending', payload = COALESCE(new_payload, payload), retry_count = 0, lost_count = 0,
      scheduled_at = clock_timestamp(), completed_at = NULL, worker_id = NULL, progress = NULL, updated_at = clock_timestamp()
     WHERE id = letter.job_id AND status = 'failed' RETURNING jobs.id INTO replayed;
  EXCEPTION WHEN unique_violation THEN
    SELECT o.* INTO holder FROM jobs o JOIN jobs j ON j.unique_key = o.unique_key
     WHERE j.id = letter.job_id AND o.completed_at IS NULL;
    RAISE EXCEPTION 'dead letter % cannot be replayed: job % is not finished and has the unique key of its job %',
      letter.id, COALESCE(holder.id::text, '(just finished)'), letter.job_id
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'jobs_unique_key', TABLE = 'jobs',
        HINT = 'Replay it when that job has finished, or cancel that job.';
  END;
  IF replayed IS NULL THEN
    INSERT INTO jobs (job_type, queue, payload, metadata)
    VALUES (letter.job_type, letter.queue, COALESCE(new_payload, letter.payload), jsonb_build_object('replay_of', letter.job_id))
    RETURNING jobs.id INTO replayed;
  END IF;
  UPDATE dead_letter_jobs d SET status = 'replayed', reviewed_at = now(), reviewed_by = reviewer,
    note = COALESCE(review_note, note), replayed_job_id = replayed WHERE d.id = letter.id;
  RETURN replayed;
END $$;
COMMENT ON FUNCTION replay_dead_letter IS 'Runs a dead letter''s job again, optionally with a corrected payload. Returns the job''s id; a second call changes nothing.';

-- Down Migration

CREATE OR REPLACE FUNCTION retry_failed_jobs(retry_delay_ms int DEFAULT 1000) RETURNS int
LANGUAGE sql SET search_path FROM CURRENT AS $$
  WITH candidate AS (
    SELECT id FROM jobs j
     WHERE error_class IS NOT NULL AND status = 'failed' AND retry_count < max_retries
       AND NOT EXISTS (SELECT 1 FROM dead_letter_jobs d WHERE d.job_id = j.id AND d.status = 'open')
     ORDER BY id FOR UPDATE SKIP LOCKED
  ), retried AS (
    UPDATE jobs SET status = 'pending', retry_count = retry_count + 1, completed_at = NULL, worker_id = NULL,
      scheduled_at = now() + retry_delay_ms * interval '1 millisecond', updated_at = clock_timestamp()
    WHERE id IN (SELECT id FROM candidate) RETURNING 1
  )
  SELECT count(*)::int FROM retried
$$;
COMMENT ON FUNCTION retry_failed_jobs IS 'Failed jobs with retries left and no open dead letter become pending again, due after the delay. Returns how many.';

CREATE OR REPLACE FUNCTION replay_dead_letter(
  id bigint, new_payload jsonb DEFAULT NULL, reviewer text DEFAULT NULL, review_note text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  letter dead_letter_jobs;
  replayed bigint;
BEGIN
  SELECT * INTO letter FROM dead_letter_jobs d WHERE d.id = replay_dead_letter.id FOR UPDATE;
  IF NOT FOUND OR letter.status <> 'open' THEN RETURN letter.replayed_job_id; END IF;

  -- The same row runs again, so that its children see it complete; only a job already pruned gets a new id.
  -- scheduled_at is set for the promoter: nobody pushes after this commit.
  UPDATE jobs SET status = 'pending', payload = COALESCE(new_payload, payload), retry_count = 0, lost_count = 0,
    scheduled_at = clock_timestamp(), completed_at = NULL, worker_id = NULL, progress = NULL, updated_at = clock_timestamp()
   WHERE id = letter.job_id AND status = 'failed' RETURNING jobs.id INTO replayed;
  IF replayed IS NULL THEN
    INSERT INTO jobs (job_type, queue, payload, metadata)
    VALUES (letter.job_type, letter.queue, COALESCE(new_payload, letter.payload), jsonb_build_object('replay_of', letter.job_id))
    RETURNING jobs.id INTO replayed;
  END IF;
  UPDATE dead_letter_jobs d SET status = 'replayed', reviewed_at = now(), reviewed_by = reviewer,
    note = COALESCE(review_note, note), replayed_job_id = replayed WHERE d.id = letter.id;
  RETURN replayed;
END $$;
