import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../../support/eventually.js';
import { hasPrometheus, sayWhatIsMissing } from '../../support/private-prometheus.js';
import { cleanUp } from '../cli/cli-process.js';
import { questionsOf, readDashboards, readRules, type Question } from './deployed-files.js';
import { closedPort, startWatchedInstallation, type WatchedInstallation } from './watched-installation.js';

sayWhatIsMissing();

/** An API, a coordinator and two workers as processes, scraped by a real Prometheus with the rules as deployed. */
(hasPrometheus ? describe : describe.skip)('Prometheus', () => {
  let watched: WatchedInstallation;
  let client: pg.Client;
  const endings: (() => Promise<unknown>)[] = [cleanUp];
  beforeAll(async () => {
    watched = await startWatchedInstallation();
    endings.unshift(() => watched.close());
    client = new pg.Client(watched.connectionString);
    endings.unshift(() => client.end());
    await client.connect();
  }, 60_000);
  afterAll(async () => {
    for (const end of endings) await end();
  });

  const count = async (from: string) =>
    Number((await client.query<{ count: string }>(`SELECT count(*) FROM ${from}`)).rows[0]?.count);
  const value = async (expression: string) => (await watched.prometheus.query(expression))[0]?.value;

  /** Jobs that complete, complete later, fail for good, and fail again and again. */
  async function submitMix(port: number): Promise<void> {
    const many = (number: number, job: object) => Array.from({ length: number }, () => job);
    const soon = new Date(Date.now() + 500).toISOString();
    const jobs = [
      ...many(20, { job_type: 'greet', payload: { name: 'Ada' } }),
      ...many(5, { job_type: 'greet', payload: { name: 'Ada' }, scheduled_at: soon }),
      ...many(2, { job_type: 'greet', payload: {} }),
      ...many(2, { job_type: 'ask', payload: { url: `http://127.0.0.1:${port}` }, max_retries: 2 }),
    ];
    const answer = await fetch(`${watched.apiUrl}/api/jobs/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jobs }),
    });
    if (answer.status !== 201) throw new Error(await answer.text());
  }

  test('scrapes each process as configured', async () => {
    const jobs = ['holdfast-api', 'holdfast-coordinator', 'holdfast-worker', 'holdfast-worker'];
    const up = await eventually('all four are up', async () => {
      const samples = await watched.prometheus.query('up == 1');
      return samples.length === 4 && samples;
    });
    expect(up.map(({ labels }) => labels.job).sort()).toEqual(jobs);
    expect(up.every(({ labels }) => labels.installation === 'holdfast')).toBe(true);
  });

  test('has a number for everything that the dashboards ask, after a real load', async () => {
    const questions = questionsOf(readDashboards());
    expect(questions.length).toBeGreaterThan(80);
    const port = await closedPort();
    let isEnough = false;
    const load = (async () => {
      while (!isEnough) {
        await submitMix(port);
        await wait(250);
      }
    })();
    let open: readonly Question[] = questions;
    const answered = eventually(
      'all have a number',
      async () => {
        open = await withoutNumber(open);
        if (open.length === 0) return true;
        await wait(500);
        return false;
      },
      60_000,
    ).catch(() => undefined);
    await answered;
    isEnough = true;
    await load;
    expect(open.map(({ where, expression }) => `${where}: ${expression}`)).toEqual([]);
  }, 90_000);

  /** Those without a result, or with none that is a number. @throws Error when Prometheus refuses one */
  async function withoutNumber(questions: readonly Question[]): Promise<Question[]> {
    const left: Question[] = [];
    for (const question of questions) {
      const samples = await watched.prometheus.query(question.expression).catch((error: unknown) => {
        throw new Error(`${question.where}: ${question.expression}`, { cause: error });
      });
      if (!samples.some((sample) => Number.isFinite(sample.value))) left.push(question);
    }
    return left;
  }

  test('has every metric that a rule asks for, under that name', async () => {
    const asked = readRules().flatMap(({ text }) => {
      const expression = text.slice(text.indexOf('expr:'), text.indexOf('labels:'));
      return expression.match(/\b(?:up|[a-z]+(?:_[a-z]+)*_(?:gauge|total|seconds))\b/g) ?? [];
    });
    expect(asked.length).toBeGreaterThanOrEqual(readRules().length);
    const names = [...new Set(asked)];
    await client.query(
      `SELECT create_schedule('greeter', 'greet', interval_ms => 1000, payload => '{"name": "Ada"}')`,
    );
    await eventually('it has fired', () => value('sum(schedule_fires_total{outcome="fired"})'));
    await client.query(`DELETE FROM job_schedules`);
    // A queue has an age only while something in it waits.
    await client.query(`INSERT INTO jobs (job_type, queue) VALUES ('greet', 'unserved')`);
    await eventually('it waits', () => value('max(queue_oldest_ready_seconds{queue="unserved"})'));
    const counts = await Promise.all(names.map((name) => value(`count(${name})`)));
    expect(names.filter((_, index) => !counts[index])).toEqual([]);
    await client.query(`DELETE FROM jobs WHERE queue = 'unserved'`);
  });

  test('shows the truth of the tables once, whichever processes tell it', async () => {
    await eventually(
      'all jobs have ended',
      async () => (await count('jobs WHERE completed_at IS NULL')) === 0,
    );
    const deadLetters = await count(`dead_letter_jobs WHERE status = 'open'`);
    const completed = await count(`jobs WHERE status = 'completed'`);
    expect(deadLetters).toBeGreaterThan(0);
    const [gauge = { expression: '' }] = questionsOf(readDashboards()).filter(({ where }) =>
      where.startsWith('Holdfast: overview / Dead letters'),
    );
    await eventually('the panel shows it', async () => (await value(gauge.expression)) === deadLetters);
    await eventually(
      'the counters of all workers together agree',
      async () => (await value('sum(jobs_processed_total{status="completed"})')) === completed,
    );
    expect(await value('max(coordinator_alive_gauge)')).toBe(1);
    expect(await value('sum(coordinator_leader_gauge)')).toBe(1);
    expect(await value('max(postgres_table_bytes{table="jobs"})')).toBeGreaterThan(8_192);
  });

  const firing = async (name: string) =>
    (await watched.prometheus.alerts()).filter(
      ({ labels, state }) => labels.alertname === name && state === 'firing',
    );
  /** Each firing one of this name, once there is any. */
  const fires = (name: string) =>
    eventually(
      `${name} fires`,
      async () => {
        const alerts = await firing(name);
        return alerts.length > 0 && alerts;
      },
      40_000,
    );

  test('sees a worker that is killed: pending, then firing, once, with its name', async () => {
    const { id, process } = watched.victim;
    expect(await firing('HoldfastWorkerDown')).toEqual([]);
    process.send('SIGKILL');
    const [alert, ...others] = await fires('HoldfastWorkerDown');
    expect(others).toEqual([]);
    expect(alert?.labels).toEqual({
      alertname: 'HoldfastWorkerDown',
      installation: 'holdfast',
      severity: 'warning',
      worker_id: id,
    });
    expect(alert?.annotations.summary).toBe(`Worker ${id} is silent or died`);
    const pending = `count_over_time(ALERTS{alertname="HoldfastWorkerDown", alertstate="pending"}[1m])`;
    expect(await value(pending)).toBeGreaterThan(0);
  }, 60_000);

  test('sees from what the others tell that the only coordinator is gone', async () => {
    expect(await firing('HoldfastNoCoordinator')).toEqual([]);
    watched.coordinator.send('SIGKILL');
    const alerts = await fires('HoldfastNoCoordinator');
    expect(alerts.map(({ labels }) => labels.severity)).toEqual(['critical']);
  }, 60_000);

  test('sees a transaction that somebody leaves open', async () => {
    await client.query('BEGIN');
    await client.query('SELECT 1');
    try {
      await eventually('it has been open for two seconds', async () => {
        const seconds = await value('max(postgres_longest_transaction_seconds)');
        return seconds !== undefined && seconds > 2;
      });
    } finally {
      await client.query('ROLLBACK');
    }
  });

  test('has evaluated every rule without an error', async () => {
    const rules = await watched.prometheus.rules();
    expect(rules.map(({ name }) => name).sort()).toEqual(
      readRules()
        .map(({ name }) => name)
        .sort(),
    );
    expect(rules.filter(({ health, lastError = '' }) => health !== 'ok' || lastError !== '')).toEqual([]);
  });
});
