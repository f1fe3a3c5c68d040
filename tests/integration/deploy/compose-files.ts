import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../../../shared/package-root.js';

export type ComposeFileName =
  'docker-compose.redis.yml' | 'docker-compose.workers.yml' | 'docker-compose.observability.yml';

export const COMPOSE_FILES: readonly ComposeFileName[] = [
  'docker-compose.redis.yml',
  'docker-compose.workers.yml',
  'docker-compose.observability.yml',
];

const limits = z.strictObject({ memory: z.string(), cpus: z.string().optional() });
const condition = z.enum(['service_healthy', 'service_completed_successfully']);

/** What of Compose's schema these files use; a misspelt key is refused. */
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), args: z.record(z.string(), z.string()) }).optional(),
  pull_policy: z.string().optional(),
  profiles: z.array(z.string()).default([]),
  depends_on: z
    .record(z.string(), z.strictObject({ condition, required: z.boolean().optional() }))
    .default({}),
  command: z.array(z.string()).optional(),
  user: z.string().optional(),
  environment: z.record(z.string(), z.string()).default({}),
  env_file: z.array(z.strictObject({ path: z.string(), required: z.boolean() })).default([]),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.strictObject({ target: z.int(), published: z.string(), host_ip: z.string() })).default([]),
  restart: z.enum(['unless-stopped', 'no']),
  healthcheck: z.union([
    z.strictObject({ disable: z.literal(true) }),
    z.strictObject({
      test: z.array(z.string()).min(2),
      interval: z.string(),
      timeout: z.string(),
      retries: z.int(),
      start_period: z.string(),
    }),
  ]),
  stop_grace_period: z.string().optional(),
  deploy: z.strictObject({
    replicas: z.union([z.int(), z.string()]).optional(),
    resources: z.strictObject({ limits }),
  }),
  logging: z.strictObject({ driver: z.string(), options: z.record(z.string(), z.string()) }),
  shm_size: z.string().optional(),
  read_only: z.boolean().default(false),
  tmpfs: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
});

const composeFile = z
  .strictObject({
    name: z.literal('holdfast'),
    services: z.record(z.string(), service),
    volumes: z.record(z.string(), z.null()),
    secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
  })
  .strict();

export type Service = z.output<typeof service>;
export type ComposeFile = z.output<typeof composeFile>;

/** As Compose would understand the file with these variables. @throws Error as Compose does for a variable that is missing */
export function readCompose(name: ComposeFileName, env: NodeJS.ProcessEnv): ComposeFile {
  const document = parseDocument(readFileSync(join(packageRoot, name), 'utf8'), { merge: true });
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`);
  // toJS resolves aliases and merges; interpolation comes after both, also in extension fields.
  const content = interpolateAll(document.toJS(), env) as Record<string, unknown>;
  const own = Object.entries(content).filter(([key]) => !key.startsWith('x-'));
  return composeFile.parse(Object.fromEntries(own));
}

function interpolateAll(value: unknown, env: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string') return interpolate(value, env);
  if (Array.isArray(value)) return value.map((item) => interpolateAll(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolateAll(item, env)]));
}

/** `$$`, `${A}`, `${A:-else}`, `${A:+then}` and `${A:?message}`, nested: the forms of Compose that these files use. */
export function interpolate(text: string, env: NodeJS.ProcessEnv): string {
  let out = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '$') out += text[at]!;
    else if (text[at + 1] === '$') out += text[++at]!;
    else {
      const end = closingBrace(text, at + 1);
      out += substitute(text.slice(at + 2, end), env);
      at = end;
    }
  }
  return out;
}

function closingBrace(text: string, open: number): number {
  if (text[open] !== '{') throw new Error(`a lone $ in: ${text}`);
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return at;
  }
  throw new Error(`a brace is open in: ${text}`);
}

function substitute(expression: string, env: NodeJS.ProcessEnv): string {
  const [, name = '', operator = '', rest = ''] = /^([A-Z_]+)(?:(:[-+?])(.*))?$/s.exec(expression) ?? [];
  if (name === '') throw new Error(`not a form of Compose that is used here: \${${expression}}`);
  const value = env[name] ?? '';
  if (operator === ':-') return value === '' ? interpolate(rest, env) : value;
  if (operator === ':+') return value === '' ? '' : interpolate(rest, env);
  if (operator === ':?' && value === '')
    throw new Error(`required variable ${name} is missing a value: ${interpolate(rest, env)}`);
  return value;
}
