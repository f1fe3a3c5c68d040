/** Writes `.env.example` anew: `npx tsx config/write-env-example.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package-root.js';
import { renderEnvExample } from './env-example.js';

writeFileSync(join(packageRoot, '.env.example'), renderEnvExample());
