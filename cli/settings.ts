import { ConfigError, findFault, loadConfig, type Config } from '../config/load-config.js';
import { addEnvFile } from '../config/load-env-file.js';
import type { VariableName } from '../config/env-schema.js';
import { InvalidArgumentError } from 'commander';
import type { Logger } from '../shared/observe/logger.js';

export type Overrides = Partial<Record<VariableName, string | undefined>>;

/**
 * The configuration, with options of the command line in the place of variables.
 *
 * @throws ConfigError
 */
export function readSettings(overrides: Overrides = {}): Config {
  addEnvFile();
  const env = { ...process.env };
  for (const [name, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    env[name] = value;
    delete env[`${name}_FILE`];
  }
  return loadConfig(env);
}

/** Loaded when somebody logs: most commands only print. */
export async function openLogger({ log }: Config, role: string): Promise<Logger> {
  const { createLogger } = await import('../shared/observe/logger.js');
  return createLogger({ level: log.level, isJson: isLogJson(log.format), fields: { role } });
}

/** What is neither json nor text is auto: for people at a terminal, else for machines. */
export const isLogJson = (format: string | undefined): boolean =>
  format === 'json' || (format !== 'text' && !process.stderr.isTTY);

/** An option that stands for a variable is checked like it. A wrong one is bad usage, not bad configuration. */
export function checkedAs(name: VariableName): (text: string) => string {
  return (text) => {
    const fault = findFault(name, text);
    if (fault !== undefined) throw new InvalidArgumentError(`It ${fault}.`);
    return text;
  };
}

export { ConfigError };
