import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { packageVersion } from '../shared/package-root.js';
import { errorAnswer } from './schemas/common.js';

const DESCRIPTION = `Durable background jobs. A job is a row in PostgreSQL: after a 201 it will run, or be cancelled by somebody.

Every error has the shape of \`Error\`; its \`code\` keeps its meaning, and bad input names each bad field. Ids are JSON
integers, times are ISO 8601. Send \`X-Request-Id\` to find a request in the logs; every answer has one.`;

/** Before the routes, which it listens for. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: packageVersion,
        description: DESCRIPTION,
        license: { name: 'MIT' },
      },
      tags: [
        { name: 'jobs', description: 'Submit, follow, cancel, run again.' },
        { name: 'dead letters', description: 'Review, replay, discard jobs that failed for good.' },
        { name: 'queues', description: 'Depths, throughput; pause and resume.' },
        { name: 'workers', description: 'Who works, and on what.' },
        { name: 'schedules', description: 'Cron and interval rules that submit jobs.' },
        { name: 'operation', description: 'Health, probes, metrics.' },
        { name: 'keys', description: 'Who may call this API.' },
      ],
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform: describeRoute,
    transformObject: (document) => dropUnused(jsonSchemaTransformObject(document)),
  });
}

/** Either of them. */
const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, `hf_…`.' },
  header: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
} as const;

type OpenApiDocument = ReturnType<typeof jsonSchemaTransformObject>;

/** Each schema comes in a variant for requests and one for answers; only what a route refers to belongs in the document. */
function dropUnused(document: OpenApiDocument): OpenApiDocument {
  const { components } = document as { components?: { schemas?: Record<string, unknown> } };
  const schemas = components?.schemas ?? {};
  const used = new Map<string, unknown>();
  const visit = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.set(name, schemas[name]);
      visit(schemas[name]);
    }
  };
  visit({ ...document, components: undefined });
  const sorted = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...document,
    components: { ...components, schemas: Object.fromEntries(sorted) },
  } as OpenApiDocument;
}

/** Says who may call it and how they are refused; and of each answer what its status means, where itself it does not. */
const describeRoute: typeof jsonSchemaTransform = (document) => {
  const { role = 'public' } = document.route.config ?? {};
  const isPublic = role === 'public';
  const { description, response, ...rest } = document.schema as DescribedSchema;
  const who = isPublic ? [] : [`Role: \`${role}\`.`];
  const schema = {
    ...rest,
    description: [description, ...who].filter((part) => part !== undefined).join('\n\n'),
    security: isPublic ? [] : [{ bearer: [] }, { header: [] }],
    response: {
      ...(isPublic ? {} : answers({}, 401, 403, 429, 503)),
      // Whether it asks for a body or not: one that is there is read.
      ...(document.route.method === 'GET' ? {} : answers({}, 400, 413, 415)),
      ...response,
    },
  };
  const transformed = jsonSchemaTransform({ ...document, schema });
  const responses = (transformed.schema.response ?? {}) as Record<string, { description?: string }>;
  for (const [status, answer] of Object.entries(responses)) {
    answer.description ??= MEANINGS[Number(status) as keyof typeof MEANINGS];
  }
  const querystring = withoutExamples(transformed.schema.querystring as QuerySchema | undefined);
  return { ...transformed, schema: { ...transformed.schema, querystring } };
};

interface QuerySchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

/** Swagger UI fills in the example of a parameter and sends it: a filter that nobody asked for. */
function withoutExamples(query: QuerySchema | undefined): QuerySchema | undefined {
  if (!query?.properties) return query;
  const properties = Object.entries(query.properties).map(([name, schema]) => {
    if (query.required?.includes(name)) return [name, schema];
    const kept = Object.entries(schema).filter(([key]) => key !== 'example' && key !== 'examples');
    return [name, Object.fromEntries(kept)];
  });
  return { ...query, properties: Object.fromEntries(properties) as Record<string, object> };
}

interface DescribedSchema {
  readonly description?: string;
  readonly response?: Readonly<Record<number, unknown>>;
}

const MEANINGS = {
  200: 'As asked.',
  201: 'Committed.',
  400: 'The request is wrong; `details` names each bad field.',
  401: 'No API key, or none that is good.',
  403: 'The key’s role may not do this.',
  404: 'There is nothing with that id or name.',
  409: 'It cannot be done as things stand; `code` says why.',
  413: 'The body is too large.',
  415: 'The body is not JSON, or is compressed.',
  429: 'More requests than `API_RATE_LIMIT` allows. Try again after `Retry-After` seconds.',
  500: 'Something went wrong here; `request_id` finds it in the logs.',
  503: 'PostgreSQL is away, or this process has too much to do. Try again after `Retry-After` seconds.',
  504: 'Looking for it took too long.',
} as const;

type ErrorStatus = Exclude<keyof typeof MEANINGS, 200 | 201>;

/**
 * The answers of a route: what succeeds, and which errors. The types stay open, so that handlers may send Dates and rows
 * as they are; the tests hold every answer against these schemas.
 */
export function answers(
  successes: Readonly<Record<number, z.ZodType>>,
  ...errors: ErrorStatus[]
): Record<number, unknown> {
  const described: Record<number, unknown> = { ...successes };
  for (const status of [...errors, 500] as const) {
    described[status] = {
      description: MEANINGS[status],
      content: { 'application/json': { schema: errorAnswer } },
    };
  }
  return described;
}
