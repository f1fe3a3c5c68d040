import fc from 'fast-check';
import { inline, type ApiDocument } from './check-answer.js';
import { fitting, garbage, nearlyFitting, type JsonSchema } from './fuzz-values.js';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Operation {
  readonly name: string;
  readonly requests: fc.Arbitrary<FuzzRequest>;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

/** For each operation of the document requests that fit, that nearly fit, and that do not; and some of no operation. */
export function operationsOf(document: ApiDocument): Operation[] {
  const names = namesIn(document);
  const named = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const { parameters = [], requestBody } = inline(document, operation) as {
        parameters?: Parameter[];
        requestBody?: { content: Record<string, { schema: JsonSchema }> };
      };
      const body = requestBody?.content['application/json']?.schema;
      return {
        name: `${method.toUpperCase()} ${path}`,
        requests: requestsOf(method.toUpperCase(), path, { parameters, body, names }),
      };
    }),
  );
  return [...named, { name: 'no operation', requests: strays(Object.keys(document.paths)) }];
}

/** Of the examples, which requests that fit have created: so that the others find something of that name. */
function namesIn({ components }: ApiDocument): string[] {
  const examples = Object.values(components.schemas).flatMap(
    (schema) => (schema.examples ?? []) as { name?: unknown }[],
  );
  return examples.map((example) => example?.name).filter((name) => typeof name === 'string');
}

interface Inputs {
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly names: readonly string[];
}

function requestsOf(
  method: string,
  path: string,
  { parameters, body, names }: Inputs,
): fc.Arbitrary<FuzzRequest> {
  const of = (where: Parameter['in']) => parameters.filter((one) => one.in === where);
  return fc
    .record({
      path: pathOf(path, of('path'), names),
      query: queryOf(of('query')),
      headers: headersOf(of('header')),
      body: body ? bodyOf(body) : oneInTen(rawBody, undefined),
      contentType: oneInTen(
        fc.constantFrom(
          'text/plain',
          'application/xml',
          'application/json; charset=latin1',
          'multipart/form-data',
          ';',
        ),
        'application/json',
      ),
    })
    .map(({ path: filled, query, headers, body: sent, contentType }) => ({
      method,
      path: filled + query,
      headers: { ...headers, ...(sent === undefined ? {} : { 'content-type': contentType }) },
      body: sent,
    }));
}

const oneInTen = <T, U>(rare: fc.Arbitrary<T>, usual: U): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 1, arbitrary: rare }, { weight: 9, arbitrary: fc.constant(usual) });

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
const encoded = (value: unknown): string =>
  encodeURIComponent(asText(value).replace(/\p{Surrogate}/gu, '\ufffd'));

const rawPart = fc.constantFrom(
  '%zz',
  '%',
  '%2e%2e',
  '%2f',
  'a/b',
  '%00',
  '%ff',
  '.',
  '~',
  '*',
  '%F0%9F%92%A5',
);

function pathOf(
  path: string,
  parameters: readonly Parameter[],
  names: readonly string[],
): fc.Arbitrary<string> {
  const parts = parameters.map(({ schema }) =>
    fc.oneof(
      { weight: 6, arbitrary: fitting(schema).map(encoded) },
      ...(schema.type === 'string' && names.length > 0
        ? [{ weight: 4, arbitrary: fc.constantFrom(...names) }]
        : []),
      { weight: 2, arbitrary: garbage.map(encoded) },
      { weight: 1, arbitrary: rawPart },
    ),
  );
  return fc
    .tuple(...parts)
    .map((values) =>
      parameters.reduce(
        (filled, { name }, index) => filled.replace(`{${name}}`, () => values[index] ?? ''),
        path,
      ),
    );
}

function queryOf(parameters: readonly Parameter[]): fc.Arbitrary<string> {
  const values = Object.fromEntries(
    parameters.map(({ name, schema }) => [
      name,
      fc.oneof({ weight: 6, arbitrary: fitting(schema) }, { weight: 1, arbitrary: garbage }).map(encoded),
    ]),
  );
  const requiredKeys = parameters.filter(({ required }) => required).map(({ name }) => name);
  const fits = fc
    .record(values, { requiredKeys })
    .map((given) => Object.entries(given).map(([name, value]) => `${name}=${value}`));
  const odd = fc.constantFrom(
    'unknown=1',
    'limit=1&limit=2',
    '%zz',
    '=',
    '&&',
    '[]=1',
    '__proto__=1',
    'a'.repeat(300),
  );
  return fc
    .tuple(fits, fc.option(odd, { freq: 9, nil: undefined }))
    .map(([pairs, more]) => [...pairs, ...(more === undefined ? [] : [more])].join('&'))
    .map((query) => (query === '' ? '' : `?${query}`));
}

const headerText = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,40}$/);

/** From nearly a key to one that nobody has. */
const keyLike = fc
  .tuple(
    fc.constantFrom('Bearer ', 'bearer  ', 'Basic ', 'Bearer hf_', ''),
    fc.stringMatching(/^(hf_[0-9a-f]{11,13}_)?[A-Za-z0-9_-]{40,45}$/),
  )
  .map((parts) => parts.join(''));

function headersOf(parameters: readonly Parameter[]): fc.Arbitrary<Record<string, string>> {
  const header = (value: unknown) => asText(value).replace(/[^\x20-\x7e\x80-\xff]/g, '?');
  const known = parameters.map(({ name, schema }): [string, fc.Arbitrary<string>] => [
    name,
    fc.oneof({ weight: 2, arbitrary: fitting(schema).map(header) }, headerText, garbage.map(header)),
  ]);
  const common = ['x-request-id', 'accept', 'authorization', 'x-api-key'].map(
    (name): [string, fc.Arbitrary<string>] => [name, fc.oneof(headerText, keyLike)],
  );
  return fc
    .subarray([...common, ...known])
    .chain((some) => fc.record(Object.fromEntries(some) as Record<string, fc.Arbitrary<string>>));
}

const rawBody = fc.oneof(
  fc.constantFrom(
    '',
    '{',
    '[',
    ']',
    'nul',
    '"x"',
    '1e999',
    '[1,2',
    '\ufeff{}',
    '{"__proto__":{"isAdmin":true}}',
    '{"a":1,"a":2}',
    '['.repeat(5_000),
    `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`,
    `"${'x'.repeat(200_000)}"`,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const bodyOf = (schema: JsonSchema): fc.Arbitrary<string | undefined> =>
  fc.oneof(
    { weight: 8, arbitrary: fitting(schema).map(asJson) },
    { weight: 8, arbitrary: nearlyFitting(schema).map(asJson) },
    { weight: 2, arbitrary: garbage.map(asJson) },
    { weight: 1, arbitrary: rawBody },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );

const asJson = (value: unknown): string => JSON.stringify(value) ?? '';

/** Addresses and methods that nobody has offered. */
function strays(paths: readonly string[]): fc.Arbitrary<FuzzRequest> {
  const address = fc.oneof(
    fc.constantFrom(
      ...paths,
      '/',
      '//',
      '/api',
      '/api/',
      '/API/JOBS',
      '/api/jobs/',
      '/api-docs/x',
      '/favicon.ico',
    ),
    garbage.map((value) => `/${encoded(value)}`),
    rawPart.map((part) => `/api/${part}`),
  );
  return fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    path: address.map((path) => path.replace(/[{}]/g, '')),
    headers: fc.constant({}),
    body: fc.constant(undefined),
  });
}
