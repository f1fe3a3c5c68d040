import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../shared/package-root.js';

export const PROMETHEUS_FOLDER = join(packageRoot, 'deploy', 'prometheus');
export const ALERTMANAGER_FILE = join(packageRoot, 'deploy', 'alertmanager', 'alertmanager.yml');

export const readDeployed = (...path: string[]): string =>
  readFileSync(join(packageRoot, 'deploy', ...path), 'utf8');

export interface Rule {
  readonly name: string;
  readonly severity: string;
  readonly runbookUrl: string;
  /** All of it, as it stands in the file. */
  readonly text: string;
}

/** The alerts of alerts.yml; Prometheus itself checks their form. */
export function readRules(): Rule[] {
  return readDeployed('prometheus', 'alerts.yml')
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((text) => ({
      name: /^\w+/.exec(text)?.[0] ?? '',
      severity: /^ +severity: (\w+)$/m.exec(text)?.[1] ?? '',
      runbookUrl: /^ +runbook_url: '(.+)'$/m.exec(text)?.[1] ?? '',
      text,
    }));
}

export interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: unknown;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly mappings?: readonly unknown[] };
  };
  readonly targets?: readonly Target[];
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

export function readDashboards(): Dashboard[] {
  const folder = join(packageRoot, 'deploy', 'grafana', 'dashboards');
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dashboard);
}

/** As Grafana would ask, with every variable at "All". */
export const fillIn = (expression: string): string =>
  expression.replaceAll('$__rate_interval', '10s').replaceAll(/\$\w+/g, '.*');

export interface Question {
  readonly where: string;
  readonly expression: string;
}

/** What the panels and the variables of all dashboards ask Prometheus. */
export const questionsOf = (dashboards: readonly Dashboard[]): Question[] =>
  dashboards.flatMap(({ title, panels, templating }) => [
    ...panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr, legendFormat }) => ({
        where: `${title} / ${panel.title} / ${legendFormat}`,
        expression: fillIn(expr),
      })),
    ),
    ...templating.list.flatMap(({ name, query }) => {
      const [, series, label] = typeof query === 'string' ? [] : (LABEL_VALUES.exec(query.query) ?? []);
      if (series === undefined || label === undefined) return [];
      return [
        { where: `${title} / variable ${name}`, expression: `count by (${label}) (${fillIn(series)})` },
      ];
    }),
  ]);

const LABEL_VALUES = /^label_values\((.+), (\w+)\)$/;
