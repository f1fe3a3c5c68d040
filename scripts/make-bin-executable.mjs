// tsc writes plain files; npm marks the bin executable only on install, and we run it from the checkout too.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../dist/cli/main.js', import.meta.url), 0o755);
