/** A text fit to be stored in a JSON column: PostgreSQL takes neither NUL nor half a surrogate pair. */
export function storable(text: string): string {
  return text.replace(/\0|\p{Surrogate}/gu, '\uFFFD');
}

/** The start of a text, storable; cutting can halve a surrogate pair. */
export function excerpt(text: string, maxCharacters: number): string {
  return storable(text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text);
}
