import type { Command } from 'commander';

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
