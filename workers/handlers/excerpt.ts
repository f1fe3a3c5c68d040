/**
 * The start of a text, fit to be stored in a JSON column: PostgreSQL takes neither NUL nor half a surrogate pair,
 * and cutting a text can make the latter.
 */
export function excerpt(text: string, maxCharacters: number): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1)}…` : text;
  return cut.replace(/\0|\p{Surrogate}/gu, '\uFFFD');
}
