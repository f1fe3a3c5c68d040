/** Whether PostgreSQL can store a text as it is: not with U+0000, nor with half of a surrogate pair. */
export const isStorableText = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

/** It goes on after the name of what holds such a text. */
export const UNSTORABLE = 'must not contain U+0000 or half of a surrogate pair';

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
