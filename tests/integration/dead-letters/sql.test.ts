import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { fingerprint } from '../../../shared/jobs/dead-letter-jobs.js';
import { fileDeadJob, fileDeadJobs } from '../../support/dead-jobs.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** Review of dead letters by plain SQL, with no process running. */
const db: TestInstallation = await createTestInstallation({ redis: false });
afterAll(() => db.close());
beforeEach(() =>
  db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs RESTART IDENTITY'),
);

const letters = () =>
  db.sql('SELECT id, status, reviewed_by, note, replayed_job_id FROM dead_letter_jobs ORDER BY id');
const one = async (text: string, values?: unknown[]) => Object.values((await db.sql(text, values))[0]!)[0];

describe('replay_dead_letter', () => {
  test('with a corrected payload keeps both payloads', async () => {
    const { id, jobId } = await fileDeadJob(db, { payload: { a: 1 } });
    expect(await one(`SELECT replay_dead_letter($1, '{"a": 2}')`, [id])).toBe(jobId);
    expect(
      await db.sql(
        'SELECT d.payload, d.replayed_payload, j.payload AS job FROM dead_letter_jobs d JOIN jobs j ON j.id = d.job_id',
      ),
    ).toEqual([{ payload: { a: 1 }, replayed_payload: { a: 2 }, job: { a: 2 } }]);
  });

  test('of a discarded letter, or of none, does nothing', async () => {
    const { id } = await fileDeadJob(db);
    await db.sql('SELECT discard_dead_letter($1)', [id]);
    expect(await one('SELECT replay_dead_letter($1)', [id])).toBeNull();
    expect(await one('SELECT replay_dead_letter(999)')).toBeNull();
    expect(await db.sql('SELECT status, count(*) AS n FROM jobs GROUP BY 1')).toEqual([
      { status: 'failed', n: 1 },
    ]);
  });

  test('of a job that somebody ran by hand is refused, and leaves no second job', async () => {
    const { id, jobId } = await fileDeadJob(db);
    await db.sql(`UPDATE jobs SET status = 'pending', completed_at = NULL WHERE id = $1`, [jobId]);
    await expect(db.sql('SELECT replay_dead_letter($1)', [id])).rejects.toMatchObject({
      message: `dead letter ${id} cannot be replayed: its job ${jobId} has not failed`,
    });
    expect(await one('SELECT count(*) FROM jobs')).toBe(1);
  });
});

describe('replay_dead_letters', () => {
  test('says of each letter which job runs when, or why it was skipped', async () => {
    const taken = await fileDeadJob(db, { queue: 'mail', uniqueKey: 'k' });
    await db.sql(`INSERT INTO jobs (job_type, unique_key) VALUES ('x', 'k')`);
    const [a, b] = await fileDeadJobs(db, 2, { queue: 'mail' });
    await fileDeadJob(db);
    const rows = await db.sql<{ due_at: Date | null }>(
      `SELECT * FROM replay_dead_letters(queue => 'mail', rate_per_second => 2, reviewer => 'ann', review_note => 'again')`,
    );
    expect(rows).toEqual([
      { dead_letter_id: taken.id, job_id: null, due_at: null, skipped: 'unique_key_in_use' },
      { dead_letter_id: a!.id, job_id: a!.jobId, due_at: expect.any(Date), skipped: null },
      { dead_letter_id: b!.id, job_id: b!.jobId, due_at: expect.any(Date), skipped: null },
    ]);
    expect(rows[2]!.due_at!.getTime() - rows[1]!.due_at!.getTime()).toBe(500);
    expect(await db.sql('SELECT scheduled_at FROM jobs WHERE id = $1', [b!.jobId])).toEqual([
      { scheduled_at: rows[2]!.due_at },
    ]);
    expect(await letters()).toEqual([
      { id: taken.id, status: 'open', reviewed_by: null, note: null, replayed_job_id: null },
      { id: a!.id, status: 'replayed', reviewed_by: 'ann', note: 'again', replayed_job_id: a!.jobId },
      { id: b!.id, status: 'replayed', reviewed_by: 'ann', note: 'again', replayed_job_id: b!.jobId },
      { id: 4, status: 'open', reviewed_by: null, note: null, replayed_job_id: null },
    ]);
  });

  test('goes on after a letter, and after a due time, where the call before ended', async () => {
    await fileDeadJobs(db, 3);
    const page =
      'SELECT * FROM replay_dead_letters(max_letters => 2, rate_per_second => 0.5, after_id => $1, after_due => $2)';
    const first = await db.sql<{ dead_letter_id: number; due_at: Date }>(page, [0, null]);
    const end = first.at(-1)!;
    const second = await db.sql<{ due_at: Date }>(page, [end.dead_letter_id, end.due_at]);
    expect(second).toHaveLength(1);
    expect(second[0]!.due_at.getTime() - end.due_at.getTime()).toBe(2_000);
    // A time that is past counts for nothing.
    await fileDeadJob(db);
    const [late] = await db.sql<{ due_at: Date; now: Date }>(
      `SELECT due_at, now() AS now FROM replay_dead_letters(after_due => '2020-01-01')`,
    );
    expect(late!.due_at.getTime()).toBeGreaterThanOrEqual(late!.now.getTime());
  });

  test.each([
    ['max_letters => 1001', 'max_letters must be from 1 to 1000'],
    ['max_letters => 0', 'max_letters must be from 1 to 1000'],
    ['rate_per_second => 0', 'rate_per_second must be from 0.1 to 10000'],
    [`rate_per_second => 'NaN'`, 'rate_per_second must be from 0.1 to 10000'],
  ])('refuses %s', async (option, message) => {
    await expect(db.sql(`SELECT * FROM replay_dead_letters(${option})`)).rejects.toMatchObject({ message });
  });
});

describe('discarding', () => {
  test('closes one, and says what it found', async () => {
    const [a, b] = await fileDeadJobs(db, 2);
    const discard = (id: number) => one(`SELECT discard_dead_letter($1, 'ann', 'no more')`, [id]);
    expect(await discard(a!.id)).toBe('discarded');
    expect(await discard(a!.id)).toBe('already_discarded');
    await db.sql('SELECT replay_dead_letter($1)', [b!.id]);
    expect(await discard(b!.id)).toBe('already_replayed');
    expect(await discard(999)).toBe('not_found');
    expect(await letters()).toMatchObject([
      { status: 'discarded', reviewed_by: 'ann', note: 'no more', replayed_job_id: null },
      { status: 'replayed' },
    ]);
  });

  test('closes many by condition, and leaves what somebody holds', async () => {
    const [held, free] = await fileDeadJobs(db, 2, { reason: 'poison' });
    await fileDeadJob(db);
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM dead_letter_jobs WHERE id = $1 FOR UPDATE', [held!.id]);
      expect(await db.sql(`SELECT * FROM discard_dead_letters(reason => 'poison')`)).toEqual([
        { dead_letter_id: held!.id, skipped: 'locked' },
        { dead_letter_id: free!.id, skipped: null },
      ]);
    });
    expect((await letters()).map(({ status }) => status)).toEqual(['open', 'discarded', 'open']);
  });
});

test('each filter is found by an index, whatever was closed before', async () => {
  await fileDeadJobs(db, 3_000, { error: 'old' });
  await db.sql(`UPDATE dead_letter_jobs SET status = 'discarded', reviewed_at = now()`);
  await fileDeadJobs(db, 2_000, { error: 'new' });
  const rare = await fileDeadJob(db, { error: 'rare' });
  const print = fingerprint('report', 'unknown', 'rare');
  await db.sql('ANALYZE dead_letter_jobs');
  const planOf = async (condition: string) =>
    (
      await db.sql<{ 'QUERY PLAN': string }>(
        `EXPLAIN SELECT id FROM dead_letter_jobs WHERE ${condition} ORDER BY id DESC LIMIT 50`,
      )
    )
      .map((line) => line['QUERY PLAN'])
      .join('\n');
  expect(await planOf(`status = 'open'`)).toContain('dead_letter_jobs_open');
  expect(await planOf(`status = 'open' AND fingerprint = '${print}'`)).toContain(
    'dead_letter_jobs_by_fingerprint',
  );
  expect(await planOf(`status = 'replayed'`)).toContain('dead_letter_jobs_reviewed');
  expect(await planOf(`job_id = 7`)).toContain('dead_letter_jobs_by_job');
  expect(
    await db.sql('SELECT dead_letter_id AS id FROM open_dead_letters(fingerprint => $1)', [print]),
  ).toEqual([{ id: rare.id }]);
});
