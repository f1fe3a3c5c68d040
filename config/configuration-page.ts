import { SECTIONS } from './env-schema.js';
import type { Variable } from './variable.js';

const HEAD = `# Configuration

<!-- Generated from config/env-schema.ts: npx tsx config/write-pages.ts -->

Environment variables, also read from a \`.env\` file in the working directory; what the environment itself says wins. Times are
milliseconds. Any variable may be read from a file instead: \`NAME_FILE=/path/to/file\` for \`NAME\`, as with Docker secrets. All faults
are told at once when a process starts, each with the name of its variable, and nothing is started. A copy to fill in is
[.env.example](../.env.example).
`;

/** The text of `docs/configuration.md`. */
export function renderConfigurationPage(): string {
  const sections = Object.entries(SECTIONS).map(
    ([title, variables]) =>
      `## ${title}\n\n| variable | default | what it is |\n|---|---|---|\n${Object.entries<Variable>(
        variables,
      )
        .map(([name, one]) => renderRow(name, one))
        .join('\n')}\n`,
  );
  return [HEAD, ...sections].join('\n');
}

function renderRow(name: string, { about, unit, defaultText, example, isSecret }: Variable): string {
  const value =
    defaultText === undefined ? '' : `${code(defaultText)}${unit === undefined ? '' : ` ${unit}`}`;
  const notes = [
    about,
    ...(defaultText === undefined && example !== undefined ? [`such as ${code(example)}`] : []),
    ...(isSecret ? ['a secret: never logged'] : []),
  ];
  return `| ${code(name)} | ${value} | ${notes.join('; ')} |`;
}

/** A pipe would end the cell. */
const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``;
