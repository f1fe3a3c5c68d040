import { expect, test } from '@jest/globals';
import { readDashboards, readDeployed, type Dashboard, type Panel } from './deployed-files.js';

/** What Grafana itself would refuse, or show badly; what the panels ask is tested with a real Prometheus. */
const dashboards = readDashboards();
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const drawn = ({ panels }: Dashboard): Panel[] => panels.filter(({ type }) => type !== 'row');

test('there are four, each with an address of its own, in a form that Grafana 10 and later load', () => {
  const uids = dashboards.map(({ uid }) => uid);
  expect([...new Set(uids)].sort()).toEqual([
    'holdfast-care',
    'holdfast-overview',
    'holdfast-queues',
    'holdfast-workers',
  ]);
  for (const { schemaVersion, title, description, tags } of dashboards) {
    expect(schemaVersion).toBe(39);
    expect(title).toMatch(/^Holdfast: /);
    expect(description).not.toBe('');
    expect(tags).toContain('holdfast');
  }
});

test.each(dashboards.map((one) => [one.uid, one] as const))(
  '%s asks the data source that is chosen, and declares each variable that it uses',
  (_uid, dashboard) => {
    const { templating } = dashboard;
    const declared = templating.list.map(({ name }) => name);
    expect(templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    for (const { title, datasource, targets = [] } of drawn(dashboard)) {
      expect([title, datasource]).toEqual([title, DATASOURCE]);
      for (const { datasource: asked } of targets) expect(asked).toEqual(DATASOURCE);
    }
    const used = new Set(
      [...JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g)].flatMap(([, name = '']) =>
        name.startsWith('__') ? [] : name,
      ),
    );
    expect([...used].sort()).toEqual([...declared].sort());
  },
);

test('cancelled jobs, which need not have begun, count as attempts nowhere', () => {
  const expressions = dashboards
    .flatMap(drawn)
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const asked = expressions.filter((expr) => expr.includes('jobs_processed_total'));
  expect(asked.length).toBeGreaterThan(5);
  for (const expr of asked) {
    const isByStatus = expr.startsWith('sum by (status) (rate(jobs_processed_total{');
    if (!isByStatus) expect(expr).not.toMatch(/jobs_processed_total\{(?!status(=~?|!=)")/);
  }
});

test.each(dashboards.map((one) => [one.uid, one] as const))(
  '%s can be read: each panel says what it shows, in which unit, under which names',
  (_uid, dashboard) => {
    const panels = drawn(dashboard);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, description = '', type, fieldConfig, targets = [] } of panels) {
      expect([title, description]).toEqual([title, expect.stringMatching(/^[\w].{10,}\.$/)]);
      expect(['stat', 'timeseries', 'heatmap']).toContain(type);
      if (type !== 'heatmap')
        expect([title, fieldConfig?.defaults.unit ?? '']).toEqual([title, expect.stringMatching(/./)]);
      expect(targets.length).toBeGreaterThan(0);
      const names = targets.map(({ legendFormat }) => legendFormat);
      expect(names).not.toContain('');
      expect(new Set(names).size).toBe(names.length);
    }
  },
);

test.each(dashboards.map((one) => [one.uid, one] as const))(
  '%s: no panel covers another',
  (_uid, dashboard) => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          expect([title, taken.get(`${column} ${line}`)]).toEqual([title, undefined]);
          taken.set(`${column} ${line}`, title);
        }
    }
  },
);

test('gauges of the installation are never added up over the processes that export them', () => {
  const gauges =
    /(queue_depth_gauge|worker_(?:alive|running|slots)_gauge|postgres_table_\w+|postgres_longest_\w+|coordinator_alive_gauge|queue_oldest_ready_seconds)/;
  const bare = dashboards.flatMap((dashboard) =>
    drawn(dashboard).flatMap(({ title, targets = [] }) =>
      targets
        .filter(({ expr }) => gauges.test(expr))
        // Each of them stands directly inside a `max`.
        .filter(({ expr }) =>
          expr
            .split(gauges)
            .some(
              (before, n, parts) =>
                n % 2 === 0 && n < parts.length - 1 && !/max(?: by \([^)]*\))? ?\($/.test(before),
            ),
        )
        .map(({ expr }) => `${title}: ${expr}`),
    ),
  );
  expect(bare).toEqual([]);
});

test('they are provisioned: the folder of the dashboards, and a data source with the rhythm of the scrapes', () => {
  const provider = readDeployed('grafana', 'provisioning', 'dashboards', 'holdfast.yml');
  expect(provider).toMatch(/^ {6}path: \/var\/lib\/grafana\/dashboards\/holdfast$/m);
  const source = readDeployed('grafana', 'provisioning', 'datasources', 'prometheus.yml');
  expect(source).toMatch(/^ {4}uid: prometheus$/m);
  const interval = /^ {6}timeInterval: (\w+)$/m.exec(source)?.[1];
  expect(readDeployed('prometheus', 'prometheus.yml')).toContain(`  scrape_interval: ${interval}\n`);
});
