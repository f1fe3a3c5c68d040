/** What jest calls. Outside the tests jest maps no `./x.js` to `./x.ts`, so the setup itself comes through tsx. */
import { tsImport } from 'tsx/esm/api';

export default async function setup() {
  const module = /** @type {typeof import('./global-setup.js')} */ (
    await tsImport('./global-setup.ts', import.meta.url)
  );
  await module.default();
}
