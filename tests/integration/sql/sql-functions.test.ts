import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** Every sentence of "SQL people call", by plain SQL, with no process running. */
const db: TestInstallation = await createTestInstallation({ redis: false });
afterAll(() => db.close());
beforeEach(() =>
  db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, queues RESTART IDENTITY'),
);

const insert = async (columns: Record<string, unknown>): Promise<number> => {
  const names = Object.keys(columns);
  const places = names.map((_, index) => `$${index + 1}`);
  const [row] = await db.sql<{ id: number }>(
    `INSERT INTO jobs (${names.join(', ')}) VALUES (${places.join(', ')}) RETURNING id`,
    Object.values(columns),
  );
  return row!.id;
};
const job = (columns: Record<string, unknown> = {}) => insert({ job_type: 'report', ...columns });
const ready = async (max = 10, queue: string | null = null) =>
  (await db.sql<{ id: number }>('SELECT id FROM get_ready_jobs($1, $2)', [max, queue])).map(({ id }) => id);
const depend = (child: number, parent: number, onFailure = 'block') =>
  db.sql('INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) VALUES ($1, $2, $3)', [
    child,
    parent,
    onFailure,
  ]);
const read = async (id: number) =>
  (await db.sql<Record<string, unknown>>('SELECT * FROM jobs WHERE id = $1', [id]))[0]!;

describe('get_ready_jobs', () => {
  test('gives pending jobs, highest priority first, and no running ones', async () => {
    const low = await job({ priority: 50 });
    const high = await job({ priority: 100 });
    await job({ priority: 75, status: 'running' });
    expect(await ready()).toEqual([high, low]);
  });

  test('gives the oldest first within a priority, and no more than asked for', async () => {
    const young = await job({ created_at: '2024-01-02' });
    const old = await job({ created_at: '2024-01-01' });
    expect(await ready()).toEqual([old, young]);
    expect(await ready(1)).toEqual([old]);
  });

  test('orders across queues, and can be asked for one queue', async () => {
    const mail = await job({ queue: 'mail', priority: 90 });
    const other = await job({ priority: 10 });
    const urgent = await job({ queue: 'zebra', priority: 99 });
    expect(await ready()).toEqual([urgent, mail, other]);
    expect(await ready(10, 'mail')).toEqual([mail]);
    expect(await ready(10, 'nowhere')).toEqual([]);
  });

  test('leaves out jobs scheduled in the future and gives those scheduled in the past', async () => {
    await job({ scheduled_at: new Date(Date.now() + 60_000) });
    const past = await job({ scheduled_at: new Date(Date.now() - 60_000) });
    expect(await ready()).toEqual([past]);
  });

  test('gives a pending child of a completed parent, not of a running one', async () => {
    const done = await job({ status: 'completed' });
    const running = await job({ status: 'running' });
    const [free, blocked] = [await job(), await job()];
    await depend(free, done);
    await depend(blocked, running);
    expect(await ready()).toEqual([free]);
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = $1`, [running]);
    expect(await ready()).toEqual([free, blocked]);
  });

  test('leaves out the jobs of a paused queue, and gives those set aside for want of a handler', async () => {
    await job({ queue: 'mail' });
    const aside = await job({ set_aside_at: new Date() });
    await db.sql(`INSERT INTO queues (name, paused_at) VALUES ('mail', now())`);
    expect(await ready()).toEqual([aside]);
  });
});

describe('retry_failed_jobs', () => {
  test('makes a failed job with retries left pending again and charges the retry', async () => {
    const id = await job({ status: 'failed', retry_count: 2, max_retries: 3 });
    expect(await db.sql('SELECT retry_failed_jobs(1000) AS n')).toEqual([{ n: 1 }]);
    const row = await read(id);
    expect(row).toMatchObject({ status: 'pending', retry_count: 3, completed_at: null });
    expect((row.scheduled_at as Date).getTime()).toBeGreaterThan(Date.now() - 500);
  });

  test('leaves a job alone that has no retries left', async () => {
    const id = await job({ status: 'failed', retry_count: 3, max_retries: 3 });
    expect(await db.sql('SELECT retry_failed_jobs() AS n')).toEqual([{ n: 0 }]);
    expect(await read(id)).toMatchObject({ status: 'failed', retry_count: 3 });
  });

  test('leaves a job alone whose dead letter waits for a person', async () => {
    const id = await job({ status: 'failed', retry_count: 0 });
    await db.sql(
      `INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason)
       VALUES ($1, 'default', 'report', '{}', 'x', 1, 'permanent')`,
      [id],
    );
    expect(await db.sql('SELECT retry_failed_jobs() AS n')).toEqual([{ n: 0 }]);
  });
});

describe('submit_job', () => {
  test('submits with named options in the caller’s transaction', async () => {
    const parent = await job();
    const [row] = await db.sql<{ id: number }>(
      `SELECT submit_job('mail', '{"to": "a@example.com"}', queue => 'mail', priority => 80, depends_on => ARRAY[$1::bigint],
         tags => ARRAY['welcome'], metadata => '{"tenant": 7}') AS id`,
      [parent],
    );
    expect(await read(row!.id)).toMatchObject({
      job_type: 'mail',
      queue: 'mail',
      priority: 80,
      payload: { to: 'a@example.com' },
      tags: ['welcome'],
      metadata: { tenant: 7 },
      unmet_dependencies: 1,
    });
  });

  test('returns the unfinished job that has the unique key, and a new one after it finished', async () => {
    const submit = async () =>
      (await db.sql<{ id: number }>(`SELECT submit_job('sync', unique_key => 'tenant-7') AS id`))[0]!.id;
    const first = await submit();
    expect(await submit()).toBe(first);
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = $1`, [first]);
    expect(await submit()).not.toBe(first);
  });

  test('a rolled-back submit leaves nothing', async () => {
    await expect(
      db.installation.db.transaction(async (tx) => {
        await tx.query(`SELECT submit_job('mail')`);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await db.sql('SELECT 1 FROM jobs')).toEqual([]);
  });
});

describe('an id that is taken, as after a restore', () => {
  test('is an error of submit_job, not a search for the next free one', async () => {
    await db.sql(`INSERT INTO jobs (id, job_type) SELECT currval(pg_get_serial_sequence('jobs', 'id')) + 1, 'mail'
      FROM (SELECT nextval(pg_get_serial_sequence('jobs', 'id'))) AS next`);
    await expect(db.sql(`SELECT submit_job('mail')`)).rejects.toMatchObject({ constraint: 'jobs_pkey' });
  });
});

describe('cancel_job', () => {
  const cancel = async (id: number) =>
    (await db.sql<{ answer: string }>('SELECT cancel_job($1, $2) AS answer', [id, 'not needed']))[0]!.answer;

  test('cancels a pending job, and says what it found otherwise', async () => {
    const id = await job();
    expect(await cancel(id)).toBe('cancelled');
    expect(await read(id)).toMatchObject({
      status: 'cancelled',
      error_class: 'cancelled',
      error_message: 'not needed',
    });
    expect(await cancel(id)).toBe('already_finished');
    expect(await cancel(4711)).toBe('not_found');
  });

  test('records the attempt of a running job and leaves word for its worker', async () => {
    const id = await job({ status: 'running', attempt: 2, worker_id: 'w-1' });
    expect(await cancel(id)).toBe('cancelled');
    expect(
      await db.sql('SELECT attempt, status, worker_id FROM job_executions WHERE job_id = $1', [id]),
    ).toEqual([{ attempt: 2, status: 'cancelled', worker_id: 'w-1' }]);
    expect(await db.sql('SELECT worker_id, job_id, attempt FROM cancel_requests')).toEqual([
      { worker_id: 'w-1', job_id: id, attempt: 2 },
    ]);
    await db.sql('TRUNCATE cancel_requests');
  });

  test('cancels children that asked for it, transitively, runs those that do not mind, and leaves the others blocked', async () => {
    const [parent, cancelled, grandchild, runs, blocked] = [
      await job(),
      await job(),
      await job(),
      await job(),
      await job(),
    ];
    await depend(cancelled, parent, 'cancel');
    await depend(grandchild, cancelled, 'cancel');
    await depend(runs, parent, 'run');
    await depend(blocked, parent, 'block');
    await cancel(parent);
    expect(
      (await db.sql('SELECT id, state FROM job_states JOIN jobs ON id = job_id ORDER BY id')).map(
        (row) => row.state,
      ),
    ).toEqual(['cancelled', 'cancelled', 'cancelled', 'ready', 'blocked']);
  });
});

describe('replay_dead_letter', () => {
  const deadLetter = async (jobId: number) =>
    (
      await db.sql<{ id: number }>(
        `INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason)
         SELECT $1, 'default', 'report', '{"a": 1}', 'x', 4, 'max_retries' RETURNING id`,
        [jobId],
      )
    )[0]!.id;
  const replay = async (id: number, payload: unknown = null) =>
    (await db.sql<{ id: number }>('SELECT replay_dead_letter($1, $2, $3) AS id', [id, payload, 'ann']))[0]!
      .id;

  test('makes the same row pending again, with the corrected payload, once', async () => {
    const id = await job({ status: 'failed', attempt: 4, retry_count: 3 });
    const letter = await deadLetter(id);
    expect(await replay(letter, { a: 2 })).toBe(id);
    expect(await read(id)).toMatchObject({
      status: 'pending',
      attempt: 4,
      retry_count: 0,
      payload: { a: 2 },
    });
    await db.sql(`UPDATE jobs SET payload = '{"a": 3}' WHERE id = $1`, [id]);
    expect(await replay(letter, { a: 4 })).toBe(id);
    expect(await read(id)).toMatchObject({ payload: { a: 3 } });
    expect(await db.sql('SELECT status, reviewed_by, replayed_job_id FROM dead_letter_jobs')).toEqual([
      { status: 'replayed', reviewed_by: 'ann', replayed_job_id: id },
    ]);
  });

  test('gives a pruned job a new id', async () => {
    const letter = await deadLetter(4711);
    const id = await replay(letter);
    expect(await read(id)).toMatchObject({
      status: 'pending',
      payload: { a: 1 },
      metadata: { replay_of: 4711 },
    });
  });
});

describe('rows', () => {
  test('updated_at moves on every update', async () => {
    const id = await job();
    const before = (await read(id)).updated_at as Date;
    await db.sql('UPDATE jobs SET priority = 60 WHERE id = $1', [id]);
    const after = (await read(id)).updated_at as Date;
    expect(after.getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(await db.sql('SELECT updated_at > created_at AS moved FROM jobs WHERE id = $1', [id])).toEqual([
      { moved: true },
    ]);
  });

  test('deleting a job deletes its executions and dependencies', async () => {
    const [parent, child] = [await job(), await job()];
    await depend(child, parent);
    await db.sql(
      `INSERT INTO job_executions (job_id, attempt, status, started_at, duration_ms) VALUES ($1, 1, 'failed', now(), 5)`,
      [parent],
    );
    await db.sql('DELETE FROM jobs WHERE id = $1', [parent]);
    expect(await db.sql('SELECT 1 FROM job_executions')).toEqual([]);
    expect(await db.sql('SELECT 1 FROM job_dependencies')).toEqual([]);
  });

  test('truncating jobs leaves no history for others that get their ids', async () => {
    await db.sql(`INSERT INTO jobs (job_type) VALUES ('mail')`);
    await db.sql(
      `INSERT INTO job_executions (job_id, attempt, status, started_at, duration_ms) SELECT id, 1, 'failed', now(), 1 FROM jobs`,
    );
    await db.sql('TRUNCATE jobs CASCADE');
    expect(await db.sql('SELECT 1 FROM job_executions')).toEqual([]);
  });

  test('completing a parent by hand frees its children, also when it had a worker', async () => {
    const [parent] = await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, status, worker_id, attempt) VALUES ('mail', 'running', 'w-gone', 1) RETURNING id`,
    );
    await db.sql(`SELECT submit_job('mail', depends_on => ARRAY[$1::bigint])`, [parent!.id]);
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = $1`, [parent!.id]);
    expect(await db.sql(`SELECT unmet_dependencies AS unmet FROM jobs WHERE status = 'pending'`)).toEqual([
      { unmet: 0 },
    ]);
  });

  test('none is created at minus infinity: it would have no age', async () => {
    await expect(job({ created_at: '-infinity' })).rejects.toMatchObject({
      constraint: 'jobs_times_are_finite',
    });
  });

  test('deleting an unfinished parent counts as its failure', async () => {
    const parent = await job({ status: 'running' });
    const [blocked, runs, cancelled] = [await job(), await job(), await job()];
    await depend(blocked, parent, 'block');
    await depend(runs, parent, 'run');
    await depend(cancelled, parent, 'cancel');
    await db.sql('DELETE FROM jobs WHERE id = $1', [parent]);
    expect((await db.sql('SELECT state FROM job_states ORDER BY job_id')).map((row) => row.state)).toEqual([
      'blocked',
      'ready',
      'cancelled',
    ]);
  });

  test('removing an edge frees the child', async () => {
    const [parent, child] = [await job(), await job()];
    await depend(child, parent);
    await db.sql('DELETE FROM job_dependencies');
    expect(await ready()).toEqual([parent, child]);
  });

  test('a plain INSERT of a finished or running row gets its timestamps', async () => {
    expect((await read(await job({ status: 'completed' }))).completed_at).toBeInstanceOf(Date);
    expect((await read(await job({ status: 'running' }))).started_at).toBeInstanceOf(Date);
    expect(await read(await job({ status: 'failed' }))).toMatchObject({ error_class: 'unknown' });
  });

  test.each([
    ['a priority out of range', { priority: 101 }, 'job_priority_check'],
    ['a queue that is no label', { queue: 'No Spaces' }, 'queue_name_check'],
    ['an empty job type', { job_type: '' }, 'job_type_name_check'],
    ['a pending row that has completed', { completed_at: new Date() }, 'jobs_finished_has_completed_at'],
  ])('%s is refused', async (_what, columns, constraint) => {
    await expect(job(columns)).rejects.toMatchObject({ constraint });
  });
});

describe('job_states', () => {
  const stateOf = async (id: number) =>
    (
      await db.sql<{ state: string; reason: string }>(
        'SELECT state, reason FROM job_states WHERE job_id = $1',
        [id],
      )
    )[0]!;

  test('gives the derived state and the one reason', async () => {
    const parent = await job();
    const child = await job();
    await depend(child, parent);
    expect(await stateOf(child)).toEqual({
      state: 'blocked',
      reason: `waits for 1 job(s): ${parent} (pending)`,
    });
    expect(await stateOf(await job({ scheduled_at: new Date(Date.now() + 60_000) }))).toMatchObject({
      state: 'scheduled',
    });
    expect(await stateOf(parent)).toEqual({ state: 'ready', reason: 'no live worker serves queue default' });
    await db.sql(`INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
                  VALUES ('w-1', 'h', 1, '0', '{default}', '{other}', 1, 10000)`);
    expect((await stateOf(parent)).reason).toBe('no worker handles this type (report)');
    await db.sql(`UPDATE workers SET job_types = '{report}'`);
    expect((await stateOf(parent)).reason).toBe('waits for a free slot');
    await db.sql(`INSERT INTO queues (name, paused_at) VALUES ('default', now())`);
    expect(await stateOf(parent)).toEqual({ state: 'paused', reason: 'queue default is paused' });
    await db.sql('TRUNCATE workers');
  });
});
