-- Up Migration

-- Pausing, on record and by plain SQL.

ALTER TABLE queues ADD COLUMN paused_by text, ADD COLUMN pause_reason text;
COMMENT ON COLUMN queues.paused_at IS 'Nothing of the queue starts while this is set; what runs already goes on to its end.';
COMMENT ON COLUMN queues.paused_by IS 'Who paused it, as far as that is known.';

-- While a queue is paused, claims drop its ids and nothing that falls due is dispatched: whoever lets it go on has its jobs
-- dispatched anew. An UPDATE by hand is announced; Holdfast's own processes dispatch themselves, and say so.
CREATE FUNCTION announce_resumed_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('holdfast_submitted', format('%s resumed %s', TG_TABLE_SCHEMA, OLD.name));
  RETURN NULL;
END $$;
CREATE TRIGGER queues_announce_resumed AFTER UPDATE ON queues
  FOR EACH ROW WHEN (OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL
    AND current_setting('holdfast.dispatched_by', true) IS DISTINCT FROM 'submitter')
  EXECUTE FUNCTION announce_resumed_queue();
CREATE TRIGGER queues_announce_deleted AFTER DELETE ON queues
  FOR EACH ROW WHEN (OLD.paused_at IS NOT NULL) EXECUTE FUNCTION announce_resumed_queue();

CREATE FUNCTION pause_queue(name text, reason text DEFAULT NULL, paused_by text DEFAULT session_user) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
  -- The first pause stands: who paused, when and why must not be lost to a second click.
  INSERT INTO queues AS q (name, paused_at, paused_by, pause_reason)
  VALUES (pause_queue.name, now(), pause_queue.paused_by, reason)
  ON CONFLICT (name) DO UPDATE SET paused_at = now(), paused_by = excluded.paused_by, pause_reason = excluded.pause_reason
   WHERE q.paused_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION pause_queue IS 'Starts no more jobs of the queue; running ones finish. False: it was paused already, and nothing has changed.';

CREATE FUNCTION resume_queue(name text) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
  UPDATE queues q SET paused_at = NULL, paused_by = NULL, pause_reason = NULL
   WHERE q.name = resume_queue.name AND q.paused_at IS NOT NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION resume_queue IS 'Lets the jobs of a paused queue run again, at once. False: it was not paused.';

-- Down Migration

DROP FUNCTION resume_queue(text), pause_queue(text, text, text);
DROP TRIGGER queues_announce_deleted ON queues;
DROP TRIGGER queues_announce_resumed ON queues;
DROP FUNCTION announce_resumed_queue();
ALTER TABLE queues DROP COLUMN paused_by, DROP COLUMN pause_reason;
