-- Up Migration

-- A submit that claims writes running rows with all of their timestamps: a function that is called for nothing takes a twentieth of it
-- after a rest (docs/performance.md).
DROP TRIGGER jobs_fill_timestamps ON jobs;
CREATE TRIGGER jobs_fill_timestamps BEFORE INSERT ON jobs
  FOR EACH ROW WHEN (NEW.status <> 'pending' AND (NEW.status <> 'running' OR NEW.started_at IS NULL))
  EXECUTE FUNCTION fill_job_timestamps();

-- Down Migration

DROP TRIGGER jobs_fill_timestamps ON jobs;
CREATE TRIGGER jobs_fill_timestamps BEFORE INSERT ON jobs
  FOR EACH ROW WHEN (NEW.status <> 'pending') EXECUTE FUNCTION fill_job_timestamps();
