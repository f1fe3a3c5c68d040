import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { renderConfigurationPage } from '../../../config/configuration-page.js';
import { renderEnvExample } from '../../../config/env-example.js';
import { SECTIONS, VARIABLE_NAMES, VARIABLES } from '../../../config/env-schema.js';
import { loadConfig } from '../../../config/load-config.js';
import { packageRoot } from '../../../shared/package-root.js';

const uncommented = renderEnvExample().replace(/^#(?=[A-Z_]+=)/gm, '');

test('.env.example is what the schema says; else run `npx tsx config/write-pages.ts`', () => {
  expect(readFileSync(join(packageRoot, '.env.example'), 'utf8')).toBe(renderEnvExample());
});

test('docs/configuration.md is what the schema says; else run `npx tsx config/write-pages.ts`', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'configuration.md'), 'utf8');
  expect(page).toBe(renderConfigurationPage());
});

test('it lists every variable once', () => {
  expect(Object.values(SECTIONS).flatMap((section) => Object.keys(section))).toEqual(VARIABLE_NAMES);
  expect(Object.keys(parseEnv(uncommented)).sort()).toEqual([...VARIABLE_NAMES].sort());
});

test('copied as it is, it changes nothing', () => {
  expect(parseEnv(renderEnvExample())).toEqual({});
});

test('each of its values is a good one', () => {
  const values = parseEnv(uncommented);
  for (const name of VARIABLE_NAMES) {
    expect({ name, isGood: VARIABLES[name].schema.safeParse(values[name]).success }).toEqual({
      name,
      isGood: true,
    });
  }
});

test('the defaults in it are the defaults', () => {
  const defaults = Object.fromEntries(
    VARIABLE_NAMES.flatMap((name) => {
      const { defaultText } = VARIABLES[name];
      // Set although it is the default, it says that there are Sentinels.
      return defaultText === undefined || name === 'REDIS_SENTINEL_NAME' ? [] : [[name, defaultText]];
    }),
  );
  expect(loadConfig(defaults)).toEqual(loadConfig({}));
});
