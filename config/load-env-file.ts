import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../shared/errors.js';
import { ConfigError } from './config-error.js';

/** Adds what `.env` in the working directory says to the environment; what is set there already stays. */
export function addEnvFile(): void {
  const file = resolve('.env');
  if (!existsSync(file)) return;
  if (typeof process.loadEnvFile !== 'function')
    throw new ConfigError([
      { variable: '.env', problem: `needs Node 20.12 or later; this is ${process.version}` },
    ]);
  try {
    process.loadEnvFile(file);
  } catch (error) {
    throw new ConfigError([{ variable: '.env', problem: `cannot be read: ${messageOf(error)}` }], {
      cause: error,
    });
  }
}
