-- Up Migration

-- Schedules fire: what was decided about each fire time is on record, and claimed in the transaction that inserts its job.

ALTER TABLE job_schedules
  ALTER COLUMN job_type TYPE job_type_name,
  ADD COLUMN max_catch_up   int NOT NULL DEFAULT 100 CHECK (max_catch_up BETWEEN 1 AND 1000),
  ADD COLUMN max_retries    counter,
  ADD COLUMN timeout_ms     positive_ms,
  ADD COLUMN needs_planning boolean NOT NULL DEFAULT true,
  ADD COLUMN plan_after     timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN last_error     text,
  ADD COLUMN defined_as     jsonb,
  ADD CONSTRAINT job_schedules_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
  ADD CONSTRAINT job_schedules_interval_a_second CHECK (interval_ms >= 1000),
  ADD CONSTRAINT job_schedules_ends_after_start CHECK (ends_at > starts_at),
  ADD CONSTRAINT job_schedules_times_are_finite CHECK (isfinite(next_run_at) AND isfinite(starts_at) AND isfinite(ends_at));
COMMENT ON TABLE job_schedules IS 'Cron and interval rules that submit jobs. A plain INSERT or UPDATE will do: the coordinator plans it within a second.';
COMMENT ON COLUMN job_schedules.next_run_at IS 'Null: it is disabled, over, not planned yet, or its rule is wrong (last_error).';
COMMENT ON COLUMN job_schedules.last_run_at IS 'The fire time of the last job.';
COMMENT ON COLUMN job_schedules.max_retries IS 'Of its jobs. Null: what holds for jobs that do not say.';
COMMENT ON COLUMN job_schedules.timeout_ms IS 'Of its jobs. Null: what holds for jobs that do not say.';
COMMENT ON COLUMN job_schedules.needs_planning IS 'The coordinator has still to work out next_run_at.';
COMMENT ON COLUMN job_schedules.plan_after IS 'While it needs planning: its first fire after this is the next one, however late somebody plans.';
COMMENT ON COLUMN job_schedules.last_error IS 'Why it does not fire: a cron expression or time zone that means nothing, or what refused its job.';
COMMENT ON COLUMN job_schedules.defined_as IS 'As code last defined it: what an operator changed since, and code did not, stays.';
CREATE INDEX job_schedules_unplanned ON job_schedules (id) WHERE needs_planning;

-- What the rule says has changed, or nobody knows the next fire: the coordinator works it out, unless the writer has. A fire that
-- is due, and not yet fired, is not forgotten over that: it goes on from just before it.
CREATE FUNCTION plan_schedule_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.plan_after := now();
  IF TG_OP = 'UPDATE' THEN
    NEW.last_error := NULL;
    IF NEW.next_run_at IS NOT DISTINCT FROM OLD.next_run_at AND current_setting('holdfast.planned_by', true) IS DISTINCT FROM 'writer' THEN
      NEW.next_run_at := NULL;
      IF OLD.enabled AND OLD.needs_planning THEN
        NEW.plan_after := OLD.plan_after;
      ELSIF OLD.enabled THEN
        NEW.plan_after := LEAST(now(), OLD.next_run_at - interval '1 millisecond');
      END IF;
    END IF;
  END IF;
  IF NOT NEW.enabled THEN NEW.next_run_at := NULL; END IF;
  NEW.needs_planning := NEW.enabled AND NEW.next_run_at IS NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER job_schedules_plan_new BEFORE INSERT ON job_schedules
  FOR EACH ROW EXECUTE FUNCTION plan_schedule_again();
CREATE TRIGGER job_schedules_plan_again BEFORE UPDATE ON job_schedules
  FOR EACH ROW WHEN (
    (NEW.cron_expression, NEW.interval_ms, NEW.timezone, NEW.starts_at, NEW.ends_at, NEW.enabled)
      IS DISTINCT FROM (OLD.cron_expression, OLD.interval_ms, OLD.timezone, OLD.starts_at, OLD.ends_at, OLD.enabled)
    OR (NEW.next_run_at IS NULL AND OLD.next_run_at IS NOT NULL)
    OR (NEW.next_run_at IS NOT NULL AND NEW.needs_planning)
  ) EXECUTE FUNCTION plan_schedule_again();

CREATE TABLE job_schedule_fires (
  schedule_id  bigint NOT NULL REFERENCES job_schedules (id) ON DELETE CASCADE,
  fire_at      timestamptz NOT NULL,
  fired_at     timestamptz NOT NULL DEFAULT now(),
  job_id       bigint,
  missed_until timestamptz,
  missed       int,
  is_manual    boolean NOT NULL DEFAULT false,
  outcome      text NOT NULL CHECK (outcome IN ('fired', 'skipped_overlap', 'misfired')),
  PRIMARY KEY (schedule_id, fire_at),
  CONSTRAINT job_schedule_fires_fired_has_job CHECK ((outcome = 'fired') = (job_id IS NOT NULL)),
  CONSTRAINT job_schedule_fires_misfired_has_count CHECK ((outcome = 'misfired') = (missed IS NOT NULL AND missed_until IS NOT NULL))
);
COMMENT ON TABLE job_schedule_fires IS 'What became of each fire time of a schedule. A time that is here never gets a second job.';
COMMENT ON COLUMN job_schedule_fires.fired_at IS 'When it was decided.';
COMMENT ON COLUMN job_schedule_fires.missed IS 'A misfired row stands for this many fire times, from fire_at to missed_until; 10000: that many or more.';
COMMENT ON COLUMN job_schedule_fires.is_manual IS 'A person ran it, besides its fire times.';
-- For retention.
CREATE INDEX job_schedule_fires_fired_at ON job_schedule_fires (fired_at);

CREATE FUNCTION create_schedule(
  name text,
  job_type text,
  cron_expression text DEFAULT NULL,
  interval_ms bigint DEFAULT NULL,
  payload jsonb DEFAULT '{}',
  queue text DEFAULT 'default',
  priority int DEFAULT 50,
  timezone text DEFAULT 'UTC',
  enabled boolean DEFAULT true,
  misfire_policy text DEFAULT 'fire_once',
  max_catch_up int DEFAULT 100,
  overlap_policy text DEFAULT 'allow',
  starts_at timestamptz DEFAULT NULL,
  ends_at timestamptz DEFAULT NULL,
  max_retries int DEFAULT NULL,
  timeout_ms int DEFAULT NULL,
  created_by text DEFAULT NULL
) RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
  INSERT INTO job_schedules (name, job_type, cron_expression, interval_ms, payload, queue, priority, timezone, enabled, misfire_policy,
                             max_catch_up, overlap_policy, starts_at, ends_at, max_retries, timeout_ms, created_by)
  VALUES (create_schedule.name, create_schedule.job_type, create_schedule.cron_expression, create_schedule.interval_ms,
          create_schedule.payload, create_schedule.queue, create_schedule.priority, create_schedule.timezone,
          create_schedule.enabled, create_schedule.misfire_policy, create_schedule.max_catch_up,
          create_schedule.overlap_policy, create_schedule.starts_at, create_schedule.ends_at, create_schedule.max_retries,
          create_schedule.timeout_ms, create_schedule.created_by)
  RETURNING id
$$;
COMMENT ON FUNCTION create_schedule IS 'Creates a schedule; returns its id. Whether the cron expression and time zone mean something is seen a moment later, in last_error.';

-- The defaults are those of jobs; the API and the library give their own.
CREATE FUNCTION run_schedule(schedule_name text, default_max_retries int DEFAULT 3, default_timeout_ms int DEFAULT 300000)
RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  schedule job_schedules;
  ran_at timestamptz;
  new_id bigint;
BEGIN
  SELECT * INTO schedule FROM job_schedules WHERE name = schedule_name FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  ran_at := clock_timestamp();
  INSERT INTO jobs (job_type, queue, priority, payload, max_retries, timeout_ms, metadata, created_by)
  VALUES (schedule.job_type, schedule.queue, schedule.priority, schedule.payload,
          COALESCE(schedule.max_retries, default_max_retries), COALESCE(schedule.timeout_ms, default_timeout_ms),
          jsonb_build_object('schedule', schedule.name, 'fire_at', ran_at, 'manual', true), 'schedule:' || schedule.name)
  RETURNING id INTO new_id;
  INSERT INTO job_schedule_fires (schedule_id, fire_at, job_id, is_manual, outcome)
  VALUES (schedule.id, ran_at, new_id, true, 'fired') ON CONFLICT DO NOTHING;
  UPDATE job_schedules SET last_run_at = ran_at, last_job_id = new_id, updated_at = clock_timestamp() WHERE id = schedule.id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION run_schedule IS 'Submits a schedule''s job now, also when it is disabled or its last job still runs; its fire times stay as they are. Returns the job''s id, null when there is no such schedule.';

-- Down Migration

DROP FUNCTION run_schedule(text, int, int), create_schedule(text, text, text, bigint, jsonb, text, int, text, boolean, text, int,
  text, timestamptz, timestamptz, int, int, text);
DROP TABLE job_schedule_fires;
DROP TRIGGER job_schedules_plan_again ON job_schedules;
DROP TRIGGER job_schedules_plan_new ON job_schedules;
DROP FUNCTION plan_schedule_again();
ALTER TABLE job_schedules
  DROP CONSTRAINT job_schedules_times_are_finite,
  DROP CONSTRAINT job_schedules_ends_after_start,
  DROP CONSTRAINT job_schedules_interval_a_second,
  DROP CONSTRAINT job_schedules_name_length,
  DROP COLUMN defined_as,
  DROP COLUMN last_error,
  DROP COLUMN plan_after,
  DROP COLUMN needs_planning,
  DROP COLUMN timeout_ms,
  DROP COLUMN max_retries,
  DROP COLUMN max_catch_up,
  ALTER COLUMN job_type TYPE varchar(100);
