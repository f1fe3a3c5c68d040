-- Up Migration

-- A finished row is not a HOT update: it has a second entry in the primary key, beside its first. Pages that are half free take
-- it; pages as full as the default leaves them were searched for dead entries first, and then split, each of them. What a job
-- takes in the end is the same.
ALTER INDEX jobs_pkey SET (fillfactor = 50);

-- Down Migration

ALTER INDEX jobs_pkey RESET (fillfactor);
