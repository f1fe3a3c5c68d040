import { checkCombinations } from './combinations.js';
import { ConfigError, type ConfigFault } from './config-error.js';
import { ENV_SCHEMA, VARIABLES, type Env, type VariableName } from './env-schema.js';
import { readTexts, type Texts } from './read-texts.js';
import { toConfig, type Config } from './to-config.js';

export { ConfigError, type ConfigFault } from './config-error.js';
export type { Config } from './to-config.js';

/**
 * Reads the whole configuration, once, at boot.
 *
 * @throws ConfigError with everything that is wrong, bad combinations included
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const { texts, faults } = readTexts(env);
  const { env: values, faults: badValues, bad } = parse(texts);
  const unreadable = faults.map(({ variable }) => variable.replace(/_FILE$/, ''));
  const all = [
    ...faults,
    ...badValues,
    ...checkCombinations(values, texts, new Set([...bad, ...unreadable])),
  ];
  if (all.length > 0) throw new ConfigError(all);
  return toConfig(values);
}

/** What is wrong with this text as the value of a variable; undefined: nothing. For options of the command line. */
export function findFault(name: VariableName, text: string): string | undefined {
  const parsed = VARIABLES[name].schema.safeParse(text);
  return parsed.success ? undefined : parsed.error.issues[0]?.message;
}

/** The values; where a text is bad, its default, so that all else can still be checked. */
function parse(texts: Texts): { env: Env; faults: ConfigFault[]; bad: Set<string> } {
  const parsed = ENV_SCHEMA.safeParse(texts);
  if (parsed.success) return { env: parsed.data, faults: [], bad: new Set() };
  const faults = parsed.error.issues.map(({ path, message }) => {
    const name = path[0] as VariableName;
    const shown = VARIABLES[name].isSecret ? '' : ` (it is "${texts[name]}")`;
    return { variable: name, problem: message + shown };
  });
  const bad = new Set<string>(faults.map(({ variable }) => variable));
  const rest = Object.fromEntries(Object.entries(texts).filter(([name]) => !bad.has(name)));
  return { env: ENV_SCHEMA.parse(rest), faults, bad };
}
