import { SECTIONS } from './env-schema.js';
import type { Variable } from './variable.js';

const HEAD = `# Every variable Holdfast reads, with its default. Copy this file to .env and uncomment what you change; what the
# environment itself says wins over .env. Times are milliseconds. Any variable may be read from a file instead: write
# NAME_FILE=/path/to/file for NAME, as with Docker secrets. Generated from config/env-schema.ts by
# config/write-pages.ts.
`;

/** The text of `.env.example`. */
export function renderEnvExample(): string {
  const sections = Object.entries(SECTIONS).map(([title, variables]) =>
    [
      `# --- ${title} ---`,
      ...Object.entries<Variable>(variables).map(([name, one]) => renderVariable(name, one)),
    ].join('\n'),
  );
  return [HEAD, ...sections.map((section) => `${section}\n`)].join('\n');
}

function renderVariable(name: string, { about, unit, defaultText, example, isSecret }: Variable): string {
  const notes = [
    unit === undefined ? [] : [`in ${unit}`],
    defaultText === undefined && !about.includes('Unset:') ? ['unset by default'] : [],
    isSecret ? [`secret, or ${name}_FILE`] : [],
  ].flat();
  const tail = notes.length > 0 ? ` (${notes.join('; ')})` : '';
  return `# ${about}.${tail}\n#${name}=${quoted(defaultText ?? example ?? '')}`;
}

/** In a .env file `<`, `#` and spaces need quotes. */
const quoted = (text: string) => (/[\s#<>"]/.test(text) ? `"${text}"` : text);
