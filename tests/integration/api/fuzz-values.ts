import fc from 'fast-check';

/** A JSON schema as the document has it, references put in their places. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What people, programs and attackers send where something else was meant. */
export const garbage: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown[]>(
    null,
    '',
    ' ',
    0,
    -1,
    1.5,
    -0,
    2 ** 31,
    2 ** 53,
    -(2 ** 63),
    1e308,
    true,
    [],
    {},
    [[[[]]]],
    { a: { b: { c: [null] } } },
    { constructor: { prototype: {} } },
    'constructor',
    'toString',
    '\u202egnp.exe',
    'x'.repeat(300),
    '2030-02-30T00:00:00Z',
    '9999-12-31T23:59:60+23:59',
    'NaN',
    '-9223372036854775809',
    '{}',
    '{1,2}',
    "'; DROP TABLE jobs; --",
    '%00',
    '../../etc/passwd',
    '${7*7}',
    '💥',
  ),
  // What is a text everywhere but in PostgreSQL.
  fc.constantFrom('a\0b', '\0', 'a\ud800', '\udc00'),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Names that others use too, so that one request finds what another has made. */
const COMMON_NAMES = ['default', 'a', 'nightly'];
/** Of rows that are there. */
const SMALL_ID = { min: 1, max: 30 };

/** Values that fit a schema. */
export function fitting(schema: JsonSchema | boolean | undefined): fc.Arbitrary<unknown> {
  if (schema === undefined || typeof schema === 'boolean') return fc.jsonValue({ maxDepth: 2 });
  const byKind = ofKind(schema);
  const examples = schema.examples as unknown[] | undefined;
  return examples ? fc.oneof({ weight: 3, arbitrary: byKind }, fc.constantFrom(...examples)) : byKind;
}

function ofKind(schema: JsonSchema): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  const choices = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (choices) return fc.oneof(...choices.map(fitting));
  const parts = schema.allOf as JsonSchema[] | undefined;
  if (parts) return fitting(Object.assign({}, schema, ...parts, { allOf: undefined }) as JsonSchema);
  if (Array.isArray(schema.type))
    return fc.oneof(...(schema.type as string[]).map((type) => fitting({ ...schema, type })));
  switch (schema.type) {
    case 'string':
      return ofText(schema);
    case 'integer':
      return ofInteger(schema);
    case 'number':
      return fc.double({ ...bounds(schema, -1e6, 1e6), noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const {
        items,
        minItems = 0,
        maxItems = 4,
      } = schema as { minItems?: number; maxItems?: number; items?: JsonSchema };
      return fc.array(fitting(items), {
        minLength: minItems,
        maxLength: Math.max(minItems, Math.min(maxItems, 4)),
      });
    }
    case 'object':
      return ofObject(schema);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function bounds(schema: JsonSchema, least: number, most: number) {
  const {
    minimum = least,
    maximum = most,
    exclusiveMinimum,
    exclusiveMaximum,
  } = schema as Record<string, number>;
  return {
    min: exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1,
    max: exclusiveMaximum === undefined ? maximum : exclusiveMaximum - 1,
  };
}

function ofInteger(schema: JsonSchema): fc.Arbitrary<number> {
  const { min, max } = bounds(schema, 0, 1_000);
  const near = {
    min: Math.max(min, Math.min(SMALL_ID.min, max)),
    max: Math.min(max, Math.max(SMALL_ID.max, min)),
  };
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer(near) },
    fc.integer({ min, max }),
    fc.constantFrom(min, max),
  );
}

function ofText(schema: JsonSchema): fc.Arbitrary<string> {
  const {
    pattern,
    format,
    minLength = 0,
    maxLength = 30,
  } = schema as {
    pattern?: string;
    format?: string;
    minLength?: number;
    maxLength?: number;
  };
  if (format === 'date-time')
    return fc
      .date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString());
  const isShort = (text: string) => text.length >= minLength && text.length <= maxLength;
  const fits =
    pattern === undefined ? isShort : (text: string) => isShort(text) && new RegExp(pattern).test(text);
  const names = COMMON_NAMES.filter(fits);
  const texts =
    pattern === undefined
      ? fc
          .string({ unit: 'grapheme', minLength, maxLength: Math.max(minLength, Math.min(maxLength, 30)) })
          .filter(isShort)
      : fc.stringMatching(new RegExp(pattern), { maxLength: Math.min(maxLength, 60) }).filter(isShort);
  return names.length > 0 ? fc.oneof(texts, fc.constantFrom(...names)) : texts;
}

function ofObject(schema: JsonSchema): fc.Arbitrary<unknown> {
  const properties = (schema.properties ?? {}) as Record<string, JsonSchema>;
  const requiredKeys = ((schema.required ?? []) as string[]).filter((key) => key in properties);
  if (Object.keys(properties).length === 0)
    return fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), {
      maxKeys: 3,
    });
  const values = Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, fitting(one)]));
  return fc.oneof(
    fc.record(values, { requiredKeys }),
    // With two dozen optional fields, half of them at once are rarely right together.
    fc.record(Object.fromEntries(requiredKeys.map((key) => [key, values[key]!]))),
  );
}

/** Values that nearly fit: one part of them is gone, new or something else. */
export function nearlyFitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc
    .tuple(fitting(schema), fc.nat(), garbage, fc.constantFrom('drop', 'replace', 'replace', 'add'))
    .map(([value, at, instead, how]) => change(value, at, instead, how));
}

function change(value: unknown, at: number, instead: unknown, how: 'drop' | 'replace' | 'add'): unknown {
  const copy: unknown = structuredClone(value);
  const places = placesOf(copy);
  const place = places[at % Math.max(1, places.length)];
  if (!place) return instead;
  const { holder, key } = place;
  if (how === 'drop') Reflect.deleteProperty(holder, key);
  else if (how === 'replace' || Array.isArray(holder)) holder[key as never] = instead as never;
  else holder[`${key}_`] = instead;
  return copy;
}

interface Place {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string;
}

function placesOf(value: unknown): Place[] {
  if (value === null || typeof value !== 'object') return [];
  const holder = value as Place['holder'];
  return Object.entries(holder).flatMap(([key, inner]) => [{ holder, key }, ...placesOf(inner)]);
}
