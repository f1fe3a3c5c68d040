/** docs/deployment.md against the files it speaks of. */
import { expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { workerStopLimitMs } from '../../../cli/stop-limit.js';
import { loadConfig } from '../../../config/load-config.js';
import { packageRoot } from '../../../shared/package-root.js';
import { COMPOSE_FILES } from './compose-files.js';

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8');
const page = read('docs/deployment.md');
const blocks = (language: string) =>
  [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, text]) =>
    name === language ? [text!] : [],
  );

test('every variable of the Compose files is on the page', () => {
  const variables = COMPOSE_FILES.flatMap((file) => [...read(file).matchAll(/(?<!\$)\$\{([A-Z_]+)/g)]).map(
    ([, name]) => name,
  );
  expect(variables).toContain('REDIS_PASSWORD');
  expect(variables.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
});

test('defaults in its table are those of the files', () => {
  const defaults = new Map(
    COMPOSE_FILES.flatMap((file) => [...read(file).matchAll(/\$\{([A-Z_]+):-([\w.:]+)\}/g)]).map(
      ([, name, value]) => [name, value],
    ),
  );
  const settings = /^## Settings\n(.*?)^## /ms.exec(page)?.[1] ?? '';
  const rows = [...settings.matchAll(/^\| (`[A-Z_`, ]+`) \| (`[^|]+`) \|/gm)];
  const told = rows.flatMap(([, names, values]) => {
    const split = (cell = '') => cell.split(', ').map((part) => part.replaceAll('`', ''));
    return split(names).map((name, index) => [name, split(values)[index]]);
  });
  expect(told.length).toBeGreaterThan(15);
  expect(told).toEqual(told.map(([name]) => [name, defaults.get(name)]));
});

test('the files it names, and the pages it links to, are there', () => {
  const links = [...page.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => join('docs', path!));
  const named = [...page.matchAll(/(?:scripts|config|deploy)\/[\w./-]*[\w]/g)].map(([path]) => path);
  expect(named).toContain('scripts/smoke-test.sh');
  for (const path of [...links, ...named])
    expect([path, existsSync(join(packageRoot, path))]).toEqual([path, true]);
});

test('its Deployment for Kubernetes is whole, gives workers the time they may take, and is as careful as Compose', () => {
  const [text = ''] = blocks('yaml');
  const container = z.object({
    args: z.tuple([z.literal('worker')]),
    livenessProbe: z.object({
      httpGet: z.object({ path: z.literal('/health/live'), port: z.literal('metrics') }),
    }),
    readinessProbe: z.object({
      httpGet: z.object({ path: z.literal('/health/ready'), port: z.literal('metrics') }),
    }),
    securityContext: z.object({
      readOnlyRootFilesystem: z.literal(true),
      allowPrivilegeEscalation: z.literal(false),
    }),
  });
  const pod = z.object({
    terminationGracePeriodSeconds: z.number(),
    securityContext: z.object({ runAsNonRoot: z.literal(true) }),
    containers: z.tuple([container]),
  });
  const deployment = z.object({
    kind: z.literal('Deployment'),
    spec: z.object({ template: z.object({ spec: pod }) }),
  });
  const { spec } = deployment.parse(parse(text)).spec.template;
  expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(workerStopLimitMs(loadConfig({})));
});
