/**
 * What PostgreSQL can store of a text, at most `limit` characters: no U+0000, and no half of a surrogate pair, which the
 * cut itself may leave behind.
 */
export function storableText(text: string, limit: number): string {
  // Cut first: what is gone costs nothing. Handlers in plain JavaScript may give anything.
  return toWellFormed(String(text).slice(0, limit).replaceAll('\u0000', '\uFFFD'));
}

/** `String.prototype.toWellFormed`, which TypeScript's library for Node 20 does not know yet. */
const toWellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\uFFFD');
