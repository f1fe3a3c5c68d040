import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hasPromtool, runTool, sayWhatIsMissing } from '../../support/private-prometheus.js';
import { fillIn, readDashboards } from './deployed-files.js';

sayWhatIsMissing();

/** What a panel must show where a plausible other number would mislead whoever is on call. */
const panelOf = (uid: string, title: string) =>
  readDashboards()
    .find((one) => one.uid === uid)
    ?.panels.find((one) => one.title === title);

(hasPromtool ? describe : describe.skip)('promtool: "Time to drain" shows', () => {
  const expression = fillIn(panelOf('holdfast-queues', 'Time to drain')?.targets?.[0]?.expr ?? '');
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-panels-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const pending = (instance: string, values: string) =>
    `queue_depth_gauge{status="pending", installation="holdfast", instance="${instance}"} ${values}`;
  const started = (values: string) =>
    `job_wait_seconds_count{queue="default", installation="holdfast", instance="worker"} ${values}`;

  /** `series` is written as in promtool's files: a series, a space, its values. */
  async function expectPanel(series: readonly string[], shown: readonly string[]): Promise<void> {
    const file = {
      tests: [
        {
          interval: '15s',
          input_series: series.map((one) => {
            const end = one.indexOf('} ') + 1;
            return { series: one.slice(0, end), values: one.slice(end + 1) };
          }),
          promql_expr_test: [
            {
              expr: expression,
              eval_time: '10m',
              exp_samples: shown.map((value) => ({ labels: '{}', value })),
            },
          ],
        },
      ],
    };
    // JSON is YAML; but an infinity has no form in JSON.
    const text = JSON.stringify(file).replaceAll(/"value":"([^"]+)"/g, '"value": $1');
    writeFileSync(join(folder, 'panel.test.yml'), text);
    const { code, output } = await runTool('promtool', ['test', 'rules', 'panel.test.yml'], folder);
    expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  }

  test('how long the waiting jobs take at the pace of five minutes, however many processes count them', () =>
    // 15 in 15 seconds: one a second.
    expectPanel([pending('api', '600+0x60'), pending('worker', '600+0x60'), started('0+15x60')], ['600']));

  test('0 when nothing waits, whether or not anything was started', async () => {
    await expectPanel([pending('api', '0+0x60'), started('0+15x60')], ['0']);
    await expectPanel([pending('api', '0+0x60'), started('7+0x60')], ['0']);
    await expectPanel([pending('api', '0+0x60')], ['0']);
  });

  test('"never" when jobs wait and nothing is started, or nobody is there to start it', async () => {
    await expectPanel([pending('api', '600+0x60'), started('7+0x60')], ['.inf']);
    await expectPanel([pending('api', '600+0x60')], ['.inf']);
    const mappings = panelOf('holdfast-queues', 'Time to drain')?.fieldConfig?.defaults.mappings;
    expect(mappings).toMatchObject([
      { type: 'value', options: { Infinity: { text: 'never', color: 'red' } } },
    ]);
  });

  test('nothing while PostgreSQL cannot be read: who knows how many wait?', () =>
    expectPanel([started('0+15x60')], []));
});
