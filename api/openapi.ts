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
        { name: 'operation', description: 'Health, probes, metrics.' },
      ],
    },
    transform: describeResponses,
    transformObject: (document) => dropUnused(jsonSchemaTransformObject(document)),
  });
}

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

/** Says of each answer what its status means, where the answer itself does not. */
const describeResponses: typeof jsonSchemaTransform = (route) => {
  const transformed = jsonSchemaTransform(route);
  const responses = (transformed.schema?.response ?? {}) as Record<string, { description?: string }>;
  for (const [status, response] of Object.entries(responses)) {
    response.description ??= MEANINGS[Number(status) as keyof typeof MEANINGS];
  }
  return transformed;
};

const MEANINGS = {
  200: 'As asked.',
  201: 'Committed.',
  400: 'The request is wrong; `details` names each bad field.',
  404: 'There is no such job.',
  409: 'It cannot be done as things stand; `code` says why.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
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
