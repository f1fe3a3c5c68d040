import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError, type ConfigFault } from '../config/config-error.js';
import { messageOf } from '../shared/errors.js';
import type { AnyJobDefinition } from '../shared/jobs/define-job.js';
import type { DefinedSchedule } from '../shared/schedules/define-schedule.js';

/** A module cannot be used; the message goes on after its path. */
class BadModule extends Error {}

/** What handler modules export: jobs by default, and `schedules` by that name. */
export interface Handlers {
  readonly jobs: readonly AnyJobDefinition[];
  readonly schedules: readonly DefinedSchedule[];
}

/**
 * Imports handler modules, paths from the working directory, and returns their jobs and schedules.
 *
 * @throws ConfigError with all modules that cannot be used
 */
export async function loadHandlers(paths: readonly string[]): Promise<Handlers> {
  const jobs = new Map<string, { job: AnyJobDefinition; path: string }>();
  const schedules: DefinedSchedule[] = [];
  const faults: ConfigFault[] = [];
  const causes: unknown[] = [];
  for (const path of paths) {
    try {
      const loaded = await loadModule(path);
      schedules.push(...loaded.schedules);
      for (const job of loaded.jobs) {
        const twin = jobs.get(job.type);
        if (twin)
          throw new BadModule(
            `has a job of type "${job.type}", and so has ${twin.path}: one handler for each type`,
          );
        jobs.set(job.type, { job, path });
      }
    } catch (error) {
      faults.push({ variable: `handler module ${path}`, problem: messageOf(error) });
      causes.push(error);
    }
  }
  if (faults.length > 0) throw new ConfigError(faults, { cause: causes[0] });
  return { jobs: [...jobs.values()].map(({ job }) => job), schedules };
}

async function loadModule(path: string): Promise<Handlers> {
  const file = resolve(path);
  if (!existsSync(file)) throw new BadModule(`is missing: there is no file ${file}`);
  const { default: exported, schedules = [] } = await importModule(file);
  if (exported === undefined)
    throw new BadModule(
      'has no default export: `export default` one job, or an array of jobs, made by defineJob',
    );
  const items: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (items.length === 0) throw new BadModule('exports an empty array: there is no job in it');
  const jobs = items.map((item, index) => {
    if (isJob(item)) return item;
    const which = Array.isArray(exported) ? `item ${index + 1} of its default export` : 'its default export';
    throw new BadModule(`exports something else than a job: ${which} was not made by defineJob`);
  });
  if (!Array.isArray(schedules) || !schedules.every(isSchedule))
    throw new BadModule('exports schedules that are no array of what defineSchedule made');
  return { jobs, schedules };
}

async function importModule(file: string): Promise<{ default?: unknown; schedules?: unknown }> {
  try {
    return (await import(pathToFileURL(file).href)) as { default?: unknown; schedules?: unknown };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_UNKNOWN_FILE_EXTENSION')
      throw new BadModule('is not JavaScript: compile it, and give the path of the compiled file');
    throw new BadModule(`failed to load: ${messageOf(error)}`, { cause: error });
  }
}

/** By its shape: the module may have its own copy of this package, or of zod. */
function isJob(item: unknown): item is AnyJobDefinition {
  if (typeof item !== 'object' || item === null) return false;
  const { type, payload, run } = item as Record<string, unknown>;
  const { safeParse } = (payload ?? {}) as Record<string, unknown>;
  return (
    typeof type === 'string' && type !== '' && typeof safeParse === 'function' && typeof run === 'function'
  );
}

/** By its shape as well; what it says is checked when it is stored. */
function isSchedule(item: unknown): item is DefinedSchedule {
  const { name, jobType } = (item ?? {}) as Record<string, unknown>;
  return typeof name === 'string' && typeof jobType === 'string';
}
