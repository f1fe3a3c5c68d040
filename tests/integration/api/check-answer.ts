import { z } from 'zod';

type Json = Record<string, unknown>;

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema: Json }> }>;
  readonly [key: string]: unknown;
}

/** The document that the API gives of itself. */
export interface ApiDocument {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
}

/** A schema with what it refers to put in its place. */
export function inline(document: ApiDocument, part: unknown): unknown {
  if (Array.isArray(part)) return part.map((item) => inline(document, item));
  if (part === null || typeof part !== 'object') return part;
  const { $ref, ...rest } = part as { $ref?: string };
  if ($ref === undefined) {
    return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, inline(document, value)]));
  }
  const name = $ref.replace('#/components/schemas/', '');
  const schema = document.components.schemas[name];
  if (!schema) throw new Error(`${$ref} does not exist`);
  return inline(document, schema);
}

export const toZod = (document: ApiDocument, schema: unknown): z.ZodType =>
  z.fromJSONSchema(inline(document, schema) as Parameters<typeof z.fromJSONSchema>[0]);

/** Holds every answer against the document: what the API says it answers, it must answer. */
export function createAnswerCheck(document: ApiDocument) {
  const known = new Map<string, z.ZodType>();
  const patterns = Object.keys(document.paths)
    // Names before parameters, as the router has it.
    .sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')))
    .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`) }));

  return (method: string, url: string, status: number, body: unknown): void => {
    const address = url.split('?')[0] ?? '';
    const path = patterns.find(({ pattern }) => pattern.test(address))?.path;
    const operation = path === undefined ? undefined : document.paths[path]?.[method.toLowerCase()];
    // Addresses that do not exist, or that the document leaves out; and what never came to a route.
    if (!operation || status === 431) return;
    const schema = operation.responses[status]?.content?.['application/json']?.schema;
    const name = `${method} ${path ?? ''} ${status}`;
    if (!schema) throw new Error(`${name} is not documented`);
    const checked = known.get(name) ?? toZod(document, schema);
    known.set(name, checked);
    const { error } = checked.safeParse(body);
    if (error) throw new Error(`${name} is not as documented: ${z.prettifyError(error)}`);
  };
}
