import { readFileSync } from 'node:fs';
import { messageOf } from '../shared/errors.js';
import type { ConfigFault } from './config-error.js';
import { VARIABLE_NAMES, type VariableName } from './env-schema.js';

export type Texts = Partial<Record<VariableName, string>>;

/** The text of each variable: its own, or the content of the file that `NAME_FILE` names. Empty counts as unset. */
export function readTexts(env: NodeJS.ProcessEnv): { texts: Texts; faults: ConfigFault[] } {
  const texts: Texts = {};
  const faults: ConfigFault[] = [];
  for (const name of VARIABLE_NAMES) {
    const own = env[name]?.trim() ?? '';
    const file = env[`${name}_FILE`]?.trim() ?? '';
    if (own !== '' && file !== '') {
      faults.push({ variable: name, problem: `and ${name}_FILE are both set: keep one of them` });
    } else if (file !== '') {
      const content = readSecret(name, file, faults);
      if (content !== '') texts[name] = content;
    } else if (own !== '') {
      texts[name] = own;
    }
  }
  return { texts, faults };
}

function readSecret(name: VariableName, file: string, faults: ConfigFault[]): string {
  try {
    const content = readFileSync(file, 'utf8').trim();
    if (content === '')
      faults.push({ variable: `${name}_FILE`, problem: `names a file that is empty: ${file}` });
    return content;
  } catch (error) {
    faults.push({
      variable: `${name}_FILE`,
      problem: `names a file that cannot be read: ${messageOf(error)}`,
    });
    return '';
  }
}
