-- Up Migration

-- Review of dead letters: many at once, groups, what became of each. docs/dead-letters.md shows how to call it.

ALTER TABLE dead_letter_jobs ADD COLUMN replayed_payload jsonb;
COMMENT ON COLUMN dead_letter_jobs.payload IS 'What the job died of. Stays as it was, whatever is replayed.';
COMMENT ON COLUMN dead_letter_jobs.replayed_payload IS 'The corrected payload that the replay ran with; null: replayed as it was, or not at all.';

-- Groups are counted in the index alone; it still leads from a fingerprint to its letters in the order of their ids.
DROP INDEX dead_letter_jobs_by_fingerprint;
CREATE INDEX dead_letter_jobs_by_fingerprint ON dead_letter_jobs (fingerprint, id) INCLUDE (queue, job_type, created_at)
  WHERE status = 'open';
-- Lists, and pages of open letters: by id among those of a status. Two, so that "open" is no key by which a plan made
-- without statistics would look for one job's letter.
CREATE INDEX dead_letter_jobs_open ON dead_letter_jobs (id) WHERE status = 'open';
CREATE INDEX dead_letter_jobs_reviewed ON dead_letter_jobs (status, id) WHERE status <> 'open';
-- Lineage: from a job to the letters it left, and to the one it is the replay of. A hash has no order, for which a plan
-- could prefer it to the partial indexes of open letters.
CREATE INDEX dead_letter_jobs_by_job ON dead_letter_jobs USING hash (job_id);
CREATE INDEX dead_letter_jobs_by_replayed_job ON dead_letter_jobs (replayed_job_id) WHERE replayed_job_id IS NOT NULL;

CREATE VIEW dead_letter_groups AS
  WITH alike AS (
    SELECT fingerprint, queue, count(*) AS letters, min(created_at) AS first_seen, max(created_at) AS last_seen, max(id) AS last_id
      FROM dead_letter_jobs WHERE status = 'open' GROUP BY fingerprint, queue
  ), grouped AS (
    SELECT fingerprint, sum(letters)::bigint AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
           max(last_id) AS last_id, array_agg(queue ORDER BY queue) AS queues
      FROM alike GROUP BY fingerprint
  )
  SELECT g.fingerprint, d.job_type, d.error_class, d.error_message, g.count, g.first_seen, g.last_seen, g.queues
    FROM grouped g JOIN dead_letter_jobs d ON d.id = g.last_id;
COMMENT ON VIEW dead_letter_groups IS 'Open dead letters by fingerprint; the error is that of the latest one.';

-- Which open letters a replay or discard of many is about, in the order of their ids. Planned for the values at hand, so
-- that each filter may use its index, and without a sort: before the first ANALYZE the planner would collect and sort all
-- open letters for each page.
CREATE FUNCTION open_dead_letters(
  queue text DEFAULT NULL, job_type text DEFAULT NULL, error_class text DEFAULT NULL, fingerprint text DEFAULT NULL,
  reason dead_letter_reason DEFAULT NULL, ids bigint[] DEFAULT NULL, max_letters int DEFAULT 1000, after_id bigint DEFAULT 0
) RETURNS TABLE (dead_letter_id bigint, job_id bigint)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan SET enable_sort = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT d.id, d.job_id FROM dead_letter_jobs d
   WHERE d.status = 'open' AND d.id > after_id
     AND (open_dead_letters.queue IS NULL OR d.queue = open_dead_letters.queue)
     AND (open_dead_letters.job_type IS NULL OR d.job_type = open_dead_letters.job_type)
     AND (open_dead_letters.error_class IS NULL OR d.error_class = open_dead_letters.error_class)
     AND (open_dead_letters.fingerprint IS NULL OR d.fingerprint = open_dead_letters.fingerprint)
     AND (open_dead_letters.reason IS NULL OR d.reason = open_dead_letters.reason)
     AND (ids IS NULL OR d.id = ANY (ids))
   ORDER BY d.id LIMIT max_letters;
END $$;
COMMENT ON FUNCTION open_dead_letters IS 'The open dead letters that all given conditions are true of, oldest first.';

-- Jobs are locked before letters, as by a retry of the job, which closes its letter.
CREATE FUNCTION try_replay_dead_letter(
  id bigint, new_payload jsonb DEFAULT NULL, reviewer text DEFAULT NULL, review_note text DEFAULT NULL,
  OUT outcome text, OUT job_id bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  letter dead_letter_jobs;
  holder_id bigint;
BEGIN
  SELECT * INTO letter FROM dead_letter_jobs d WHERE d.id = try_replay_dead_letter.id AND d.status = 'open';
  IF FOUND THEN
    -- Of many at once one gets the locks; the conditions make the others leave without a write.
    PERFORM 1 FROM jobs j WHERE j.id = letter.job_id AND j.status = 'failed' FOR NO KEY UPDATE;
    PERFORM 1 FROM dead_letter_jobs d WHERE d.id = letter.id AND d.status = 'open' FOR UPDATE;
  END IF;
  SELECT * INTO letter FROM dead_letter_jobs d WHERE d.id = try_replay_dead_letter.id;
  IF NOT FOUND THEN outcome := 'not_found'; RETURN; END IF;
  IF letter.status <> 'open' THEN
    outcome := format('already_%s', letter.status);
    job_id := letter.replayed_job_id;
    RETURN;
  END IF;

  -- The same row runs again, so that its children see it complete; only a job already pruned gets a new id.
  -- scheduled_at is set for the promoter, which finds the job when nobody pushes it.
  BEGIN
    UPDATE jobs j SET status = 'pending', payload = COALESCE(new_payload, j.payload), retry_count = 0, lost_count = 0,
      scheduled_at = clock_timestamp(), completed_at = NULL, worker_id = NULL, progress = NULL, set_aside_at = NULL,
      updated_at = clock_timestamp()
     WHERE j.id = letter.job_id AND j.status = 'failed' RETURNING j.id INTO job_id;
  EXCEPTION WHEN unique_violation THEN
    SELECT o.id INTO holder_id FROM jobs o JOIN jobs j ON j.unique_key = o.unique_key
     WHERE j.id = letter.job_id AND o.completed_at IS NULL;
    RAISE EXCEPTION 'dead letter % cannot be replayed: job % is not finished and has the unique key of its job %',
      letter.id, COALESCE(holder_id::text, '(just finished)'), letter.job_id
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'jobs_unique_key', TABLE = 'jobs',
        HINT = 'Replay it when that job has finished, or cancel that job.';
  END;
  IF job_id IS NULL THEN
    IF EXISTS (SELECT 1 FROM jobs j WHERE j.id = letter.job_id) THEN
      outcome := 'job_not_failed';
      job_id := letter.job_id;
      RETURN;
    END IF;
    INSERT INTO jobs (job_type, queue, payload, metadata)
    VALUES (letter.job_type, letter.queue, COALESCE(new_payload, letter.payload), jsonb_build_object('replay_of', letter.job_id))
    RETURNING jobs.id INTO job_id;
  END IF;
  UPDATE dead_letter_jobs d SET status = 'replayed', reviewed_at = now(), reviewed_by = reviewer,
    note = COALESCE(review_note, d.note), replayed_job_id = try_replay_dead_letter.job_id, replayed_payload = new_payload
   WHERE d.id = letter.id;
  outcome := 'replayed';
END $$;
COMMENT ON FUNCTION try_replay_dead_letter IS 'As replay_dead_letter, and says what it did: replayed, already_replayed, already_discarded, job_not_failed or not_found.';

CREATE FUNCTION replay_dead_letter(
  id bigint, new_payload jsonb DEFAULT NULL, reviewer text DEFAULT NULL, review_note text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  replay record;
BEGIN
  SELECT * INTO replay FROM try_replay_dead_letter(replay_dead_letter.id, new_payload, reviewer, review_note);
  IF replay.outcome = 'job_not_failed' THEN
    RAISE EXCEPTION 'dead letter % cannot be replayed: its job % has not failed', replay_dead_letter.id, replay.job_id
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Somebody ran it again by hand: discard the dead letter.';
  END IF;
  RETURN replay.job_id;
END $$;
COMMENT ON FUNCTION replay_dead_letter IS 'Runs a dead letter''s job again, optionally with a corrected payload. Returns the job''s id; a second call changes nothing.';

-- One page of a replay of many. The rate is kept by due times, so that it needs no process and outlasts every restart.
-- Nothing is waited for: what somebody else holds is left open, and so is a job whose unique key is taken.
CREATE FUNCTION replay_dead_letters(
  queue text DEFAULT NULL, job_type text DEFAULT NULL, error_class text DEFAULT NULL, fingerprint text DEFAULT NULL,
  reason dead_letter_reason DEFAULT NULL, ids bigint[] DEFAULT NULL, max_letters int DEFAULT 1000, after_id bigint DEFAULT 0,
  rate_per_second float8 DEFAULT 100, after_due timestamptz DEFAULT NULL, reviewer text DEFAULT NULL, review_note text DEFAULT NULL
) RETURNS TABLE (dead_letter_id bigint, job_id bigint, due_at timestamptz, skipped text)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan SET lock_timeout = '300ms' AS $$
#variable_conflict use_column
DECLARE
  pause interval;
  first_due timestamptz;
  page bigint[];
  page_jobs bigint[];
  held_jobs bigint[];
  held bigint[];
  chosen bigint[];
  chosen_jobs bigint[];
BEGIN
  IF max_letters IS NULL OR max_letters NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'max_letters must be from 1 to 1000' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'For more, call again with after_id and after_due of the last row.';
  END IF;
  IF rate_per_second IS NULL OR rate_per_second NOT BETWEEN 0.1 AND 10000 THEN
    RAISE EXCEPTION 'rate_per_second must be from 0.1 to 10000' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- Never before now: what is due far behind the promoter's cursor waits for the sweep.
  pause := interval '1 second' / rate_per_second;
  first_due := GREATEST(after_due + pause, clock_timestamp());

  SELECT array_agg(o.dead_letter_id ORDER BY o.dead_letter_id), array_agg(o.job_id) INTO page, page_jobs
    FROM open_dead_letters(replay_dead_letters.queue, replay_dead_letters.job_type, replay_dead_letters.error_class,
           replay_dead_letters.fingerprint, replay_dead_letters.reason, ids, max_letters, after_id) o;
  IF page IS NULL THEN RETURN; END IF;

  -- Jobs before letters, each in the order of their ids. Each statement sees what was committed before it.
  held_jobs := ARRAY(SELECT j.id FROM jobs j WHERE j.id = ANY (page_jobs) AND j.status = 'failed'
                      ORDER BY j.id FOR NO KEY UPDATE SKIP LOCKED);
  held := ARRAY(SELECT d.id FROM dead_letter_jobs d
                 WHERE d.id = ANY (page) AND d.status = 'open'
                   AND (d.job_id = ANY (held_jobs) OR NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = d.job_id))
                 ORDER BY d.id FOR UPDATE SKIP LOCKED);

  -- Of several with the same unique key the oldest letter's job runs.
  SELECT array_agg(c.id ORDER BY c.id), array_agg(c.job_id ORDER BY c.id) INTO chosen, chosen_jobs FROM (
    SELECT d.id, d.job_id, j.unique_key, row_number() OVER (PARTITION BY j.unique_key ORDER BY d.id) AS place
      FROM dead_letter_jobs d LEFT JOIN jobs j ON j.id = d.job_id WHERE d.id = ANY (held)) c
   WHERE c.unique_key IS NULL
      OR (c.place = 1 AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.unique_key = c.unique_key AND o.completed_at IS NULL));
  LOOP
    BEGIN
      UPDATE jobs j SET status = 'pending', retry_count = 0, lost_count = 0, completed_at = NULL, worker_id = NULL,
        progress = NULL, set_aside_at = NULL, updated_at = clock_timestamp(),
        scheduled_at = first_due + (array_position(chosen_jobs, j.id) - 1) * pause
       WHERE j.id = ANY (chosen_jobs) AND j.status = 'failed';
      EXIT;
    EXCEPTION WHEN unique_violation OR lock_not_available THEN
      -- A key was taken between the look and the write: jobs with a key are left out. Without any, it is a lock on the table.
      IF NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = ANY (chosen_jobs) AND j.unique_key IS NOT NULL) THEN RAISE; END IF;
      SELECT array_agg(d.id ORDER BY d.id), array_agg(d.job_id ORDER BY d.id) INTO chosen, chosen_jobs
        FROM dead_letter_jobs d LEFT JOIN jobs j ON j.id = d.job_id WHERE d.id = ANY (chosen) AND j.unique_key IS NULL;
    END;
  END LOOP;
  WITH renewed AS (
    INSERT INTO jobs (job_type, queue, payload, metadata, scheduled_at)
    SELECT d.job_type, d.queue, d.payload, jsonb_build_object('replay_of', d.job_id),
           first_due + (array_position(chosen, d.id) - 1) * pause
      FROM dead_letter_jobs d
     WHERE d.id = ANY (chosen) AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = d.job_id) ORDER BY d.id
    RETURNING id, (metadata ->> 'replay_of')::bigint AS pruned_id
  )
  UPDATE dead_letter_jobs d SET status = 'replayed', reviewed_at = now(), reviewed_by = reviewer,
    note = COALESCE(review_note, d.note), replayed_job_id = c.runs_as
    FROM (SELECT l.id, COALESCE(r.id, l.job_id) AS runs_as
            FROM unnest(chosen, chosen_jobs) AS l (id, job_id) LEFT JOIN renewed r ON r.pruned_id = l.job_id) c
   WHERE d.id = ANY (chosen) AND d.id = c.id;

  RETURN QUERY
  SELECT d.id, CASE WHEN d.id = ANY (chosen) THEN d.replayed_job_id END,
         CASE WHEN d.id = ANY (chosen) THEN first_due + (array_position(chosen, d.id) - 1) * pause END,
         CASE WHEN d.id = ANY (chosen) THEN NULL WHEN d.status <> 'open' THEN 'already_reviewed'
              WHEN d.id = ANY (held) THEN 'unique_key_in_use'
              WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.id = d.job_id AND j.status <> 'failed') THEN 'job_not_failed'
              ELSE 'locked' END
    FROM dead_letter_jobs d WHERE d.id = ANY (page) ORDER BY d.id;
END $$;
COMMENT ON FUNCTION replay_dead_letters IS 'Replays up to 1,000 open dead letters that all given conditions are true of, due one after the other at the rate. A row for each letter looked at: the job it runs as and when, or why it was skipped.';

CREATE FUNCTION discard_dead_letter(id bigint, reviewer text DEFAULT NULL, review_note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE dead_letter_jobs d SET status = 'discarded', reviewed_at = now(), reviewed_by = reviewer,
    note = COALESCE(review_note, d.note) WHERE d.id = discard_dead_letter.id AND d.status = 'open';
  IF FOUND THEN RETURN 'discarded'; END IF;
  RETURN COALESCE((SELECT format('already_%s', d.status) FROM dead_letter_jobs d WHERE d.id = discard_dead_letter.id), 'not_found');
END $$;
COMMENT ON FUNCTION discard_dead_letter IS 'Closes an open dead letter; its job stays failed. Returns discarded, already_discarded, already_replayed or not_found.';

CREATE FUNCTION discard_dead_letters(
  queue text DEFAULT NULL, job_type text DEFAULT NULL, error_class text DEFAULT NULL, fingerprint text DEFAULT NULL,
  reason dead_letter_reason DEFAULT NULL, ids bigint[] DEFAULT NULL, max_letters int DEFAULT 1000, after_id bigint DEFAULT 0,
  reviewer text DEFAULT NULL, review_note text DEFAULT NULL
) RETURNS TABLE (dead_letter_id bigint, skipped text)
LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
  page bigint[];
  held bigint[];
BEGIN
  IF max_letters IS NULL OR max_letters NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'max_letters must be from 1 to 1000' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'For more, call again while it returns rows.';
  END IF;
  page := ARRAY(SELECT o.dead_letter_id FROM open_dead_letters(discard_dead_letters.queue, discard_dead_letters.job_type,
    discard_dead_letters.error_class, discard_dead_letters.fingerprint, discard_dead_letters.reason, ids, max_letters, after_id) o);
  held := ARRAY(SELECT d.id FROM dead_letter_jobs d WHERE d.id = ANY (page) AND d.status = 'open'
                 ORDER BY d.id FOR UPDATE SKIP LOCKED);
  UPDATE dead_letter_jobs d SET status = 'discarded', reviewed_at = now(), reviewed_by = reviewer,
    note = COALESCE(review_note, d.note) WHERE d.id = ANY (held);
  RETURN QUERY
  SELECT d.id, CASE WHEN d.id = ANY (held) THEN NULL WHEN d.status <> 'open' THEN 'already_reviewed' ELSE 'locked' END
    FROM dead_letter_jobs d WHERE d.id = ANY (page) ORDER BY d.id;
END $$;
COMMENT ON FUNCTION discard_dead_letters IS 'Closes up to 1,000 open dead letters that all given conditions are true of. A row for each letter looked at; skipped says why it was left open.';

-- Down Migration

DROP FUNCTION discard_dead_letters(text, text, text, text, dead_letter_reason, bigint[], int, bigint, text, text),
  discard_dead_letter(bigint, text, text),
  replay_dead_letters(text, text, text, text, dead_letter_reason, bigint[], int, bigint, float8, timestamptz, text, text);

DROP FUNCTION replay_dead_letter(bigint, jsonb, text, text), try_replay_dead_letter(bigint, jsonb, text, text),
  open_dead_letters(text, text, text, text, dead_letter_reason, bigint[], int, bigint);
DROP VIEW dead_letter_groups;
DROP INDEX dead_letter_jobs_by_replayed_job, dead_letter_jobs_by_job, dead_letter_jobs_reviewed, dead_letter_jobs_open,
  dead_letter_jobs_by_fingerprint;
CREATE INDEX dead_letter_jobs_by_fingerprint ON dead_letter_jobs (fingerprint, id) WHERE status = 'open';
ALTER TABLE dead_letter_jobs DROP COLUMN replayed_payload;
COMMENT ON COLUMN dead_letter_jobs.payload IS NULL;
