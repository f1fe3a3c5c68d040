/** Writes `.env.example` and `docs/configuration.md` anew: `npx tsx config/write-pages.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../shared/package-root.js';
import { renderConfigurationPage } from './configuration-page.js';
import { renderEnvExample } from './env-example.js';

writeFileSync(join(packageRoot, '.env.example'), renderEnvExample());
writeFileSync(join(packageRoot, 'docs', 'configuration.md'), renderConfigurationPage());
