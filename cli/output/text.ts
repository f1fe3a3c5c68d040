/** Two columns wide in a terminal: East Asian scripts, full-width forms, most emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

const widthOf = (character: string): number => (WIDE.test(character) ? 2 : 1);

/** How many columns of a terminal a text takes. */
export const displayWidth = (text: string): number =>
  [...text].reduce((width, character) => width + widthOf(character), 0);

/** What other people wrote, made harmless: a job's type could hold sequences that command the terminal. */
export const harmless = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');

export const oneLine = (text: string): string => harmless(text.replace(/\s+/g, ' ').trim());

/** At most this wide; what is cut is marked. */
export function shortened(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** 1234 as 1,234. */
export const grouped = (count: number): string => count.toLocaleString('en-GB');

/** `1 job`, `2,000 jobs`. */
export const countOf = (count: number, noun: string, plural = `${noun}s`): string =>
  `${grouped(count)} ${count === 1 ? noun : plural}`;
