import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { hasAmtool, hasPromtool, runTool, sayWhatIsMissing } from '../../support/private-prometheus.js';
import { ALERTMANAGER_FILE, PROMETHEUS_FOLDER, readDeployed, readRules } from './deployed-files.js';

sayWhatIsMissing();

const rules = readRules();
const names = rules.map(({ name }) => name);
const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rules-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test('each alert has a name of its own, a severity that Alertmanager knows, and a page to read', () => {
  expect(new Set(names).size).toBe(names.length);
  for (const { name, severity, runbookUrl, text } of rules) {
    expect(['warning', 'critical']).toContain(severity);
    expect(runbookUrl).toBe(`{{ $externalLabels.runbooks }}docs/runbook.md#${name.toLowerCase()}`);
    expect(text).toMatch(/^ +summary: \S/m);
    expect(text).toMatch(/^ +description: \S/m);
  }
});

test('what is asked for is there', () => {
  expect(names).toEqual(
    expect.arrayContaining([
      'HoldfastPendingHigh',
      'HoldfastPendingVeryHigh',
      'HoldfastWorkerDown',
      'HoldfastFailureRateHigh',
      'HoldfastDeadLettersHigh',
      'HoldfastOldestReadyTooOld',
      'HoldfastNoCoordinator',
      'HoldfastRedisFallback',
      'HoldfastLongTransaction',
      'HoldfastScheduleMisfires',
    ]),
  );
});

const distinct = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].sort();

(hasPromtool ? describe : describe.skip)('promtool', () => {
  const cases = readDeployed('prometheus', 'alerts.test.yml');
  /** Runs the cases against rules whose expressions are all the same. */
  const runCases = (expression: string) => {
    const changed = readDeployed('prometheus', 'alerts.yml').replaceAll(
      /^ {8}expr:.*\n(?: {9,}.*\n)*/gm,
      `        expr: ${expression}\n`,
    );
    expect(changed.split(expression)).toHaveLength(rules.length + 1);
    const folder = folderWith({ 'alerts.yml': changed, 'alerts.test.yml': cases });
    return runTool('promtool', ['test', 'rules', 'alerts.test.yml'], folder);
  };

  test('takes the configuration with its rules', async () => {
    const folder = folderWith({
      'alerts.yml': readDeployed('prometheus', 'alerts.yml'),
      key: 'hf_secret',
    });
    const text = readDeployed('prometheus', 'prometheus.yml');
    const config = text.replace(/credentials_file: .*/, `credentials_file: ${join(folder, 'key')}`);
    writeFileSync(join(folder, 'prometheus.yml'), config);
    const { code, output } = await runTool('promtool', ['check', 'config', 'prometheus.yml'], folder);
    expect([code, output]).toEqual([0, expect.stringContaining(`${rules.length} rules found`)]);
    expect((await runTool('promtool', ['check', 'rules', '--lint-fatal', 'alerts.yml'], folder)).code).toBe(
      0,
    );
  });

  test('sees each alert fire when it should and keep silent when it should', async () => {
    const { code, output } = await runTool(
      'promtool',
      ['test', 'rules', 'alerts.test.yml'],
      PROMETHEUS_FOLDER,
    );
    expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  test('would notice an alert that never fires: each has a case in which it does', async () => {
    const { code, output } = await runCases('vector(0) > 1');
    expect(code).not.toBe(0);
    const missed = /alertname: (\w+), time: .*\n +exp:\[\n/g;
    expect(distinct(output, missed)).toEqual([...names].sort());
  });

  test('would notice an alert that always fires: each has a case in which it does not', async () => {
    const { code, output } = await runCases('vector(1)');
    expect(code).not.toBe(0);
    const unwanted = /alertname: (\w+), time: .*\n +exp:\[\],/g;
    expect(distinct(output, unwanted)).toEqual([...names].sort());
  });

  test('puts the address of the runbooks before its path, where the configuration has one', async () => {
    const folder = folderWith({
      'alerts.yml': readDeployed('prometheus', 'alerts.yml'),
      'url.test.yml': `
rule_files: [alerts.yml]
tests:
  - external_labels: { runbooks: 'https://git.example.com/' }
    alert_rule_test:
      - eval_time: 5m
        alertname: HoldfastNotScraped
        exp_alerts: [{ exp_labels: { severity: critical } }]`,
    });
    const { output } = await runTool('promtool', ['test', 'rules', 'url.test.yml'], folder);
    expect(output).toContain('runbook_url="https://git.example.com/docs/runbook.md#holdfastnotscraped"');
  });
});

(hasAmtool ? describe : describe.skip)('Alertmanager', () => {
  test('takes its configuration', async () => {
    const { code, output } = await runTool('amtool', ['check-config', ALERTMANAGER_FILE]);
    expect([code, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  test.each([
    ['critical', 'pager'],
    ['warning', 'team'],
  ])('tells of what is %s to the %s', async (severity, receiver) => {
    const args = ['config', 'routes', 'test', '--config.file', ALERTMANAGER_FILE, `severity=${severity}`];
    expect((await runTool('amtool', args)).output.split('\n')).toContain(receiver);
  });

  test('tells once that nothing is scraped, not once more for each target: the former has no installation', () => {
    const rules = readDeployed('alertmanager', 'alertmanager.yml').split(/^ {2}- source_matchers: /m);
    const ofTargets = rules.filter((rule) => rule.startsWith('[alertname = HoldfastNotScraped]'));
    expect(ofTargets).toEqual([expect.stringContaining('target_matchers: [alertname = HoldfastTargetDown]')]);
    expect(ofTargets[0]).not.toContain('equal');
  });

  test('inhibits by names of alerts that exist', () => {
    const text = readDeployed('alertmanager', 'alertmanager.yml');
    const mentioned = [...text.matchAll(/alertname (=~?) "?([^"\]']+)/g)].map(([, kind, value]) => ({
      kind,
      value: value ?? '',
    }));
    expect(mentioned.length).toBeGreaterThan(0);
    for (const { kind, value } of mentioned) {
      const alternatives = kind === '=' ? [value] : value.split(/\|(?![^(]*\))/);
      for (const one of alternatives)
        expect([one, names.some((name) => new RegExp(`^${one}$`).test(name))]).toEqual([one, true]);
    }
  });
});
