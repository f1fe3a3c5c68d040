import type { Command } from 'commander';
import type { Config } from '../config/load-config.js';
import { ConfigError } from '../config/config-error.js';
import { BadInput } from './failure.js';
import type { Handlers } from './load-handlers.js';

export interface HandlersOption {
  readonly handlers?: readonly string[];
}

/** `--handlers ./module.js`, as often as there are modules. */
export function addHandlersOption(command: Command): Command {
  return command.option(
    '--handlers <module>',
    'a module whose default export is a job, or an array of jobs, and which may export `schedules`; may be repeated. Instead of WORKER_HANDLERS',
    (path: string, earlier: readonly string[] = []) => [...earlier, path],
  );
}

/**
 * The handlers of a process: from the modules that the option named, else from those of WORKER_HANDLERS.
 *
 * @throws BadInput for a module of the option that cannot be used: the command line is wrong, not the configuration
 * @throws ConfigError for one of WORKER_HANDLERS
 */
export async function loadChosenHandlers(config: Config, { handlers }: HandlersOption): Promise<Handlers> {
  const { loadHandlers } = await import('./load-handlers.js');
  try {
    return await loadHandlers(config.handlerModules);
  } catch (error) {
    if (handlers === undefined || !(error instanceof ConfigError)) throw error;
    const lines = error.faults.map(({ variable, problem }) => `--handlers: ${variable} ${problem}`);
    throw new BadInput(lines.join('\n'), { cause: error });
  }
}
