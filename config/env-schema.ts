import { z } from 'zod';
import { dataVariables, httpVariables, mailVariables } from './variables/handlers.js';
import {
  apiVariables,
  clientVariables,
  coordinatorVariables,
  jobVariables,
  observeVariables,
  workerVariables,
} from './variables/processes.js';
import { developmentVariables, postgresVariables, redisVariables } from './variables/stores.js';
import type { ValuesOf, Variable } from './variable.js';

/** Every variable there is, in the order of `.env.example`. */
export const SECTIONS = {
  PostgreSQL: postgresVariables,
  Redis: redisVariables,
  API: apiVariables,
  'Command line': clientVariables,
  Workers: workerVariables,
  Coordinator: coordinatorVariables,
  Jobs: jobVariables,
  'Metrics and logs': observeVariables,
  'Built-in job email_notification': mailVariables,
  'Built-in job data_processing': dataVariables,
  'Built-in job http_request, and every URL a job calls': httpVariables,
  'Servers for development': developmentVariables,
} as const satisfies Record<string, Record<string, Variable>>;

const VARIABLES_BY_NAME = {
  ...postgresVariables,
  ...redisVariables,
  ...apiVariables,
  ...clientVariables,
  ...workerVariables,
  ...coordinatorVariables,
  ...jobVariables,
  ...observeVariables,
  ...mailVariables,
  ...dataVariables,
  ...httpVariables,
  ...developmentVariables,
};

export type VariableName = keyof typeof VARIABLES_BY_NAME;
export type Env = ValuesOf<typeof VARIABLES_BY_NAME>;
export const VARIABLES: Readonly<Record<VariableName, Variable>> = VARIABLES_BY_NAME;
export const VARIABLE_NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/** From texts to values; a missing text is undefined. */
export const ENV_SCHEMA = z.object(
  Object.fromEntries(VARIABLE_NAMES.map((name) => [name, VARIABLES[name].schema])),
) as unknown as z.ZodType<Env, Partial<Record<VariableName, string>>>;
