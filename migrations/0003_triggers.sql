-- Up Migration

-- A person's plain INSERT of a running or finished row need not know which timestamps go with it.
CREATE FUNCTION fill_job_timestamps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status = 'running' THEN
    NEW.started_at := COALESCE(NEW.started_at, now());
  ELSE
    NEW.completed_at := COALESCE(NEW.completed_at, now());
  END IF;
  IF NEW.status IN ('failed', 'cancelled') THEN
    NEW.error_class := COALESCE(NEW.error_class, CASE NEW.status WHEN 'cancelled' THEN 'cancelled' ELSE 'unknown' END);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER jobs_fill_timestamps BEFORE INSERT ON jobs
  FOR EACH ROW WHEN (NEW.status <> 'pending') EXECUTE FUNCTION fill_job_timestamps();

-- AFTER, not BEFORE: a BEFORE UPDATE row trigger makes PostgreSQL lock and log every row before it even looks at the
-- WHEN clause (+35 % WAL per claim, measured). Holdfast's own statements set updated_at; this acts for all others.
CREATE FUNCTION update_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  EXECUTE format('UPDATE %I.%I SET updated_at = clock_timestamp() WHERE id = $1', TG_TABLE_SCHEMA, TG_TABLE_NAME) USING NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER update_updated_at AFTER UPDATE ON jobs
  FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION update_updated_at();
CREATE TRIGGER update_updated_at AFTER UPDATE ON job_schedules
  FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION update_updated_at();

-- A submit by plain SQL, or inside a caller's transaction, is announced at its COMMIT: once per statement, by the range
-- of its ids. Submitters that push to Redis themselves say so and are spared NOTIFY's lock, which all commits share.
CREATE FUNCTION announce_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  lowest bigint;
  highest bigint;
BEGIN
  SELECT min(id), max(id) INTO lowest, highest FROM submitted
    WHERE status = 'pending' AND unmet_dependencies = 0 AND ready_at <= clock_timestamp();
  IF lowest IS NOT NULL THEN
    PERFORM pg_notify('holdfast_submitted', format('%s %s %s', TG_TABLE_SCHEMA, lowest, highest));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_announce AFTER INSERT ON jobs REFERENCING NEW TABLE AS submitted
  FOR EACH STATEMENT WHEN (current_setting('holdfast.dispatched_by', true) IS DISTINCT FROM 'submitter')
  EXECUTE FUNCTION announce_jobs();

CREATE FUNCTION delete_job_executions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM job_executions WHERE job_id = ANY (ARRAY(SELECT id FROM deleted));
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_delete_executions AFTER DELETE ON jobs REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION delete_job_executions();

-- Dependencies --------------------------------------------------------------------------------------------------------

-- Marks edges whose parent is done and lowers their children's counters by what it marked; safe to repeat, bounded by
-- max_edges. Returns the children it touched; call again while it returns any.
CREATE FUNCTION release_dependents(parent_ids bigint[], max_edges int DEFAULT 1000)
RETURNS TABLE (job_id bigint, status job_status, has_dependents boolean)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  edge_children bigint[];
  edge_parents bigint[];
  edge_cancels boolean[];
BEGIN
  SELECT array_agg(e.job_id), array_agg(e.depends_on_job_id), array_agg(e.cancels)
    INTO edge_children, edge_parents, edge_cancels
    FROM (SELECT d.job_id, d.depends_on_job_id, p.status <> 'completed' AND d.on_failure = 'cancel' AS cancels
            FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
           WHERE d.depends_on_job_id = ANY (parent_ids) AND d.satisfied_at IS NULL
             AND (p.status = 'completed' OR (p.status IN ('failed', 'cancelled') AND d.on_failure <> 'block'))
           ORDER BY d.job_id, d.depends_on_job_id LIMIT max_edges) e;
  IF edge_children IS NULL THEN RETURN; END IF;

  -- Everybody who changes several jobs locks them in the order of their ids. The UPDATE below is a later statement, so
  -- that it sees what was committed while this one waited.
  PERFORM 1 FROM jobs j WHERE j.id = ANY (edge_children) ORDER BY j.id FOR NO KEY UPDATE;

  RETURN QUERY
  WITH edge AS (
    SELECT * FROM unnest(edge_children, edge_parents, edge_cancels) AS e (child, parent, cancels)
  ), marked AS (
    UPDATE job_dependencies d SET satisfied_at = now() FROM edge e
     WHERE d.job_id = e.child AND d.depends_on_job_id = e.parent AND d.satisfied_at IS NULL
    RETURNING d.job_id, e.cancels
  ), met AS (
    SELECT m.job_id, count(*)::int AS newly_met, bool_or(m.cancels) AS cancels FROM marked m GROUP BY m.job_id
  )
  UPDATE jobs c SET
    unmet_dependencies = GREATEST(c.unmet_dependencies - m.newly_met, 0),
    released_at = CASE WHEN c.unmet_dependencies <= m.newly_met THEN now() ELSE c.released_at END,
    status = CASE WHEN m.cancels AND c.status = 'pending' THEN 'cancelled' ELSE c.status END,
    completed_at = CASE WHEN m.cancels AND c.status = 'pending' THEN now() ELSE c.completed_at END,
    error_class = CASE WHEN m.cancels AND c.status = 'pending' THEN 'cancelled' ELSE c.error_class END,
    error_message = CASE WHEN m.cancels AND c.status = 'pending' THEN 'a job it depends on did not complete' ELSE c.error_message END,
    updated_at = clock_timestamp()
  FROM met m WHERE c.id = m.job_id
  RETURNING c.id, c.status, c.has_dependents;
END $$;

-- A person's UPDATE of a job that no worker owns releases its dependents too (bounded; the sweep does the rest).
-- Workers release after their commit instead, so that no settle waits for, or holds, the rows of children.
CREATE FUNCTION release_dependents_of_row() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM release_dependents(ARRAY[NEW.id]);
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_release_dependents AFTER UPDATE ON jobs
  FOR EACH ROW WHEN (NEW.has_dependents AND NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.worker_id IS NULL
    AND pg_trigger_depth() < 16)
  EXECUTE FUNCTION release_dependents_of_row();

-- Inserting an edge, by whoever: both jobs are locked in id order, so that the parent cannot complete unseen in between
-- (a foreign key's KEY SHARE lock does not stop that); the statements after the lock see what it waited for.
CREATE FUNCTION count_new_dependencies() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM 1 FROM jobs WHERE id IN (SELECT job_id FROM added UNION SELECT depends_on_job_id FROM added)
    ORDER BY id FOR NO KEY UPDATE;
  UPDATE jobs SET has_dependents = true, updated_at = clock_timestamp()
   WHERE id IN (SELECT depends_on_job_id FROM added) AND NOT has_dependents;
  UPDATE jobs c SET unmet_dependencies = c.unmet_dependencies + a.edges, updated_at = clock_timestamp()
    FROM (SELECT job_id, count(*) AS edges FROM added WHERE satisfied_at IS NULL GROUP BY job_id) a
   WHERE c.id = a.job_id;
  -- Parents that were done already. In pieces, as everywhere.
  LOOP
    PERFORM release_dependents(ARRAY(
      SELECT DISTINCT a.depends_on_job_id FROM added a JOIN jobs p ON p.id = a.depends_on_job_id
       WHERE p.completed_at IS NOT NULL));
    EXIT WHEN NOT FOUND;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER job_dependencies_count_new AFTER INSERT ON job_dependencies REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION count_new_dependencies();

-- Removing an edge frees the child of it. When the edge went because its parent's row was deleted, an unfinished or
-- failed parent counts as a failure: `block` stays blocked, `run` runs, `cancel` is cancelled.
CREATE FUNCTION count_removed_dependencies() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM 1 FROM jobs WHERE id IN (SELECT job_id FROM removed) ORDER BY id FOR NO KEY UPDATE;
  WITH freed AS (
    SELECT r.job_id, count(*) AS edges, bool_or(p.id IS NULL AND r.on_failure = 'cancel') AS cancels
      FROM removed r LEFT JOIN jobs p ON p.id = r.depends_on_job_id
     WHERE r.satisfied_at IS NULL AND (p.id IS NOT NULL OR r.on_failure <> 'block')
     GROUP BY r.job_id
  )
  UPDATE jobs c SET
    unmet_dependencies = GREATEST(c.unmet_dependencies - f.edges, 0),
    released_at = CASE WHEN c.unmet_dependencies <= f.edges THEN now() ELSE c.released_at END,
    status = CASE WHEN f.cancels AND c.status = 'pending' THEN 'cancelled' ELSE c.status END,
    completed_at = CASE WHEN f.cancels AND c.status = 'pending' THEN now() ELSE c.completed_at END,
    error_class = CASE WHEN f.cancels AND c.status = 'pending' THEN 'cancelled' ELSE c.error_class END,
    error_message = CASE WHEN f.cancels AND c.status = 'pending' THEN 'a job it depends on was deleted' ELSE c.error_message END,
    updated_at = clock_timestamp()
  FROM freed f WHERE c.id = f.job_id;
  RETURN NULL;
END $$;
CREATE TRIGGER job_dependencies_count_removed AFTER DELETE ON job_dependencies REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION count_removed_dependencies();

-- Down Migration

DROP TRIGGER job_dependencies_count_removed ON job_dependencies;
DROP TRIGGER job_dependencies_count_new ON job_dependencies;
DROP TRIGGER update_updated_at ON job_schedules;
DROP TRIGGER update_updated_at ON jobs;
DROP TRIGGER jobs_release_dependents ON jobs;
DROP TRIGGER jobs_delete_executions ON jobs;
DROP TRIGGER jobs_announce ON jobs;
DROP TRIGGER jobs_fill_timestamps ON jobs;
DROP FUNCTION count_removed_dependencies(), count_new_dependencies(), release_dependents_of_row(),
  release_dependents(bigint[], int), delete_job_executions(), announce_jobs(), update_updated_at(), fill_job_timestamps();
