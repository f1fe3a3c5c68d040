-- Up Migration

-- Who works here, what they own, who leads.

CREATE TABLE installation (
  id         text PRIMARY KEY DEFAULT substr(md5(gen_random_uuid()::text), 1, 8),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX installation_only_one ON installation ((true));
COMMENT ON TABLE installation IS 'One row. Its id is part of every Redis key, so that two installations can share one Redis.';
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE queues (
  name       queue_name PRIMARY KEY,
  paused_at  timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE queues IS 'Settings of a queue. A queue without a row is simply not paused.';

CREATE TABLE workers (
  id            text PRIMARY KEY,
  hostname      text NOT NULL,
  pid           int NOT NULL,
  version       text NOT NULL,
  queues        text[] NOT NULL,
  job_types     text[] NOT NULL,
  concurrency   int NOT NULL,
  dead_after_ms int NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT now(),
  last_seen_at  timestamptz NOT NULL DEFAULT now(),
  stopped_at    timestamptz,
  dead_at       timestamptz
);
COMMENT ON TABLE workers IS 'One row per incarnation of a worker. dead_at: declared dead by the coordinator; stopped_at: left in good order.';
CREATE INDEX workers_alive ON workers (id) WHERE dead_at IS NULL AND stopped_at IS NULL;

CREATE TABLE claim_batches (
  worker_id  text NOT NULL,
  batch_no   bigint NOT NULL,
  job_ids    bigint[] NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (worker_id, batch_no)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Compressing the array took longer than all else of the row, which lives for a moment.
ALTER TABLE claim_batches ALTER COLUMN job_ids SET STORAGE EXTERNAL;
COMMENT ON TABLE claim_batches IS 'From a worker to the jobs it may own: one row per claim, gone when all of them are settled. jobs.worker_id must have no index.';

CREATE TABLE cancel_requests (
  worker_id    text NOT NULL,
  job_id       bigint NOT NULL,
  attempt      int NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (worker_id, job_id, attempt)
);
COMMENT ON TABLE cancel_requests IS 'Running attempts that were cancelled: their worker polls this and aborts the handler.';

CREATE TABLE coordinator_lease (
  name            text PRIMARY KEY,
  holder          text,
  term            bigint NOT NULL DEFAULT 0,
  expires_at      timestamptz NOT NULL DEFAULT '-infinity',
  reaches_redis   boolean NOT NULL DEFAULT true,
  promote_cursor  timestamptz NOT NULL DEFAULT '-infinity',
  ready_watermark timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON COLUMN coordinator_lease.reaches_redis IS 'False: any candidate that does reach Redis may take over at once.';
COMMENT ON COLUMN coordinator_lease.promote_cursor IS 'Jobs scheduled up to here have been dispatched.';
COMMENT ON COLUMN coordinator_lease.ready_watermark IS 'No job has been ready for longer: where walks along jobs_unfinished may start.';
INSERT INTO coordinator_lease (name) VALUES ('coordinator');

-- Down Migration

DROP TABLE coordinator_lease, cancel_requests, claim_batches, workers, queues, installation;
