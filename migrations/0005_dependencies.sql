-- Up Migration

-- Jobs that wait for others: edges are counted, met in pieces, and never close a circle.

-- From a newer job to an older one is how edges are as a rule: a circle needs at least one that is not.
CREATE INDEX job_dependencies_backward ON job_dependencies (job_id) WHERE job_id < depends_on_job_id;

-- Marks edges whose parent is done and lowers their children's counters by what it marked; safe to repeat, bounded by
-- max_edges. Returns the children it touched, whose edges to these parents are done up to and without the last one: call
-- again from that child on while it returns any, so that what is marked already is not walked a second time.
CREATE FUNCTION release_dependents(parent_ids bigint[], max_edges int DEFAULT 1000, from_child bigint DEFAULT 0)
RETURNS TABLE (job_id bigint, status job_status, has_dependents boolean)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  edge_children bigint[];
  edge_parents bigint[];
  edge_cancels boolean[];
BEGIN
  SELECT array_agg(e.job_id), array_agg(e.parent_id), array_agg(e.cancels)
    INTO edge_children, edge_parents, edge_cancels
    FROM (SELECT of_parent.job_id, p.id AS parent_id, p.status <> 'completed' AND of_parent.on_failure = 'cancel' AS cancels
            FROM jobs p CROSS JOIN LATERAL (
              SELECT d.job_id, d.on_failure FROM job_dependencies d
               WHERE d.depends_on_job_id = p.id AND d.job_id >= from_child AND d.satisfied_at IS NULL
                 AND (p.status = 'completed' OR d.on_failure <> 'block')
               ORDER BY d.job_id LIMIT max_edges) of_parent
           WHERE p.id = ANY (parent_ids) AND p.completed_at IS NOT NULL
           ORDER BY of_parent.job_id, p.id LIMIT max_edges) e;
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

-- The dependents of jobs that plain SQL finished, and of those that are cancelled with them: a thousand in all, however the graph
-- looks; the sweep does the rest. Whoever releases a generation after the other by itself (release-dependents.ts) switches
-- this off for its transaction, so that none of its statements grows beyond its piece.
CREATE FUNCTION release_transitively(parent_ids bigint[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  parents bigint[] := parent_ids;
  next_parents bigint[] := '{}';
  cancelled bigint[];
  touched int;
  last_child bigint;
  from_child bigint := 0;
  left_over int := 1000;
BEGIN
  IF current_setting('holdfast.released_by', true) = 'caller' THEN RETURN; END IF;
  PERFORM set_config('holdfast.released_by', 'caller', true);
  WHILE cardinality(parents) > 0 AND left_over > 0 LOOP
    SELECT count(*), max(r.job_id), array_agg(r.job_id) FILTER (WHERE r.status = 'cancelled' AND r.has_dependents)
      INTO touched, last_child, cancelled FROM release_dependents(parents, left_over, from_child) r;
    next_parents := next_parents || COALESCE(cancelled, '{}');
    left_over := left_over - touched;
    IF touched > 0 THEN
      from_child := last_child;
    ELSE
      parents := next_parents;
      next_parents := '{}';
      from_child := 0;
    END IF;
  END LOOP;
  PERFORM set_config('holdfast.released_by', '', true);
END $$;

-- A person's UPDATE of a job that no worker owns releases its dependents too (bounded; the sweep does the rest).
-- Workers release after their commit instead, so that no settle waits for, or holds, the rows of children.
CREATE FUNCTION release_dependents_of_row() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM release_transitively(ARRAY[NEW.id]);
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_release_dependents AFTER UPDATE ON jobs
  FOR EACH ROW WHEN (NEW.has_dependents AND NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.worker_id IS NULL
    AND current_setting('holdfast.released_by', true) IS DISTINCT FROM 'caller')
  EXECUTE FUNCTION release_dependents_of_row();

-- Inserting an edge, by whoever: both jobs are locked in id order, so that the parent cannot complete unseen in between
-- (a foreign key's KEY SHARE lock does not stop that); the statements after the lock see what it waited for.
-- Of parents that were done already only the new edges are marked: their other children are somebody else's work.
CREATE FUNCTION count_new_dependencies() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM 1 FROM jobs WHERE id IN (SELECT job_id FROM added UNION SELECT depends_on_job_id FROM added)
    ORDER BY id FOR NO KEY UPDATE;
  UPDATE jobs SET has_dependents = true, updated_at = clock_timestamp()
   WHERE id IN (SELECT depends_on_job_id FROM added) AND NOT has_dependents;
  WITH edge AS (
    SELECT a.job_id, a.depends_on_job_id,
           p.completed_at IS NOT NULL AND (p.status = 'completed' OR a.on_failure <> 'block') AS is_met,
           p.completed_at IS NOT NULL AND p.status <> 'completed' AND a.on_failure = 'cancel' AS cancels
      FROM added a JOIN jobs p ON p.id = a.depends_on_job_id WHERE a.satisfied_at IS NULL
  ), met AS (
    UPDATE job_dependencies d SET satisfied_at = now() FROM edge e
     WHERE e.is_met AND d.job_id = e.job_id AND d.depends_on_job_id = e.depends_on_job_id
  ), of_child AS (
    SELECT job_id, count(*) FILTER (WHERE NOT is_met) AS waiting, bool_or(cancels) AS cancels FROM edge GROUP BY job_id
  )
  UPDATE jobs c SET
    unmet_dependencies = c.unmet_dependencies + n.waiting,
    status = CASE WHEN n.cancels AND c.status = 'pending' THEN 'cancelled' ELSE c.status END,
    completed_at = CASE WHEN n.cancels AND c.status = 'pending' THEN now() ELSE c.completed_at END,
    error_class = CASE WHEN n.cancels AND c.status = 'pending' THEN 'cancelled' ELSE c.error_class END,
    error_message = CASE WHEN n.cancels AND c.status = 'pending' THEN 'a job it depends on did not complete' ELSE c.error_message END,
    updated_at = clock_timestamp()
  FROM of_child n WHERE c.id = n.job_id AND (n.waiting > 0 OR n.cancels);
  RETURN NULL;
END $$;
CREATE TRIGGER job_dependencies_count_new AFTER INSERT ON job_dependencies REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION count_new_dependencies();

-- Of a circle that goes through this job, the jobs in it: those it waits for that also wait for it. Empty: there is none.
CREATE FUNCTION find_dependency_circle(of_job bigint) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
  WITH RECURSIVE above (id) AS (
    SELECT d.depends_on_job_id FROM job_dependencies d WHERE d.job_id = of_job AND d.satisfied_at IS NULL
    UNION
    SELECT d.depends_on_job_id FROM above a JOIN job_dependencies d ON d.job_id = a.id
     WHERE d.satisfied_at IS NULL AND a.id <> of_job
  ), below (id) AS (
    SELECT of_job WHERE of_job IN (SELECT id FROM above)
    UNION
    SELECT d.job_id FROM below b JOIN job_dependencies d ON d.depends_on_job_id = b.id
     WHERE d.satisfied_at IS NULL AND d.job_id IN (SELECT id FROM above)
  )
  SELECT COALESCE(array_agg(id ORDER BY id), '{}') FROM below
$$;

-- A new job has no dependents, and can close no circle: only edges to jobs that have some are looked at, one transaction
-- after the other, since two could each add a half that the other does not see.
CREATE FUNCTION refuse_dependency_circle() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  suspect bigint;
  circle bigint[];
BEGIN
  IF NOT EXISTS (SELECT 1 FROM added a JOIN jobs c ON c.id = a.job_id WHERE c.has_dependents) THEN RETURN NULL; END IF;
  PERFORM pg_advisory_xact_lock(hashtext(TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME));
  IF NOT EXISTS (SELECT 1 FROM job_dependencies d WHERE d.job_id < d.depends_on_job_id) THEN RETURN NULL; END IF;
  FOR suspect IN
    SELECT DISTINCT a.job_id FROM added a JOIN jobs c ON c.id = a.job_id WHERE c.has_dependents AND a.satisfied_at IS NULL
  LOOP
    circle := find_dependency_circle(suspect);
    IF cardinality(circle) > 0 THEN
      RAISE EXCEPTION 'jobs % would wait for each other', array_to_string(circle[1:20], ', ')
        USING ERRCODE = 'check_violation', CONSTRAINT = 'job_dependencies_no_circle', TABLE = TG_TABLE_NAME,
          HINT = 'Leave out one of the dependencies between them.';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
-- Triggers of one kind fire in the order of their names: after job_dependencies_count_new, which locks and marks the jobs.
CREATE TRIGGER job_dependencies_no_circle AFTER INSERT ON job_dependencies REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_dependency_circle();

-- Removing an edge frees the child of it. When the edge went because its parent's row was deleted, an unfinished or
-- failed parent counts as a failure: `block` stays blocked, `run` runs, `cancel` is cancelled.
-- Edges that were satisfied are nobody's concern: retention deletes a parent of a hundred thousand finished
-- children without locking them.
CREATE FUNCTION count_removed_dependencies() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM removed WHERE satisfied_at IS NULL) THEN RETURN NULL; END IF;
  PERFORM 1 FROM jobs WHERE id IN (SELECT job_id FROM removed WHERE satisfied_at IS NULL) ORDER BY id FOR NO KEY UPDATE;
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
DROP TRIGGER job_dependencies_no_circle ON job_dependencies;
DROP TRIGGER job_dependencies_count_new ON job_dependencies;
DROP TRIGGER jobs_release_dependents ON jobs;
DROP FUNCTION count_removed_dependencies(), refuse_dependency_circle(), find_dependency_circle(bigint), count_new_dependencies(),
  release_dependents_of_row(), release_transitively(bigint[]), release_dependents(bigint[], int, bigint);
DROP INDEX job_dependencies_backward;
