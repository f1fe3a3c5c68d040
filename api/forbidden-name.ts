/** Deeper than this no payload is accepted anyway; see schemas/common.ts. */
const DEEPEST = 200;

/** Where a JSON value has a name that could change an object's prototype: its path. Undefined: nowhere within that depth. */
export function findForbiddenName(value: unknown, depth = 0): string[] | undefined {
  if (value === null || typeof value !== 'object' || depth > DEEPEST) return undefined;
  if (Object.hasOwn(value, '__proto__')) return ['__proto__'];
  for (const [name, part] of Object.entries(value)) {
    if (name === 'constructor' && hasPrototype(part)) return [name, 'prototype'];
    const found = findForbiddenName(part, depth + 1);
    if (found) return [name, ...found];
  }
  return undefined;
}

const hasPrototype = (part: unknown): boolean =>
  part !== null && typeof part === 'object' && Object.hasOwn(part, 'prototype');
