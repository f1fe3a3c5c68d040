/**
 * For HEALTHCHECK of an image, whatever its process is: asks /health where an API, or a worker or coordinator, would listen.
 * Ends with 0 when whoever answers is well; else with 1 and a line that says what is wrong. Plain node:http, since it runs
 * every few seconds within the container's share of memory.
 *
 *   node scripts/healthcheck.mjs [url]
 */
import { get } from 'node:http';

const PATIENCE_MS = 4_000;

const addresses = process.argv[2] === undefined ? ownAddresses(process.env) : [process.argv[2]];
const answers = (await Promise.all(addresses.map(ask))).filter((answer) => answer !== undefined);
const bad = answers.filter(({ isWell }) => !isWell);
if (answers.length === 0)
  console.error(`unhealthy: nothing listens at ${addresses.join(' or ') || 'API_PORT or METRICS_PORT'}`);
for (const { address, says } of bad) console.error(`unhealthy: ${address} answers ${says}`);
process.exit(answers.length > 0 && bad.length === 0 ? 0 : 1);

/** METRICS_PORT may be `off`, and 0 would be any: then there is nothing to ask. */
function ownAddresses({ API_PORT, METRICS_PORT }) {
  return [API_PORT || '3000', METRICS_PORT || '9090']
    .filter((port) => Number(port) > 0)
    .map((port) => `http://127.0.0.1:${port}/health`);
}

/** Undefined where nothing listens. */
function ask(address) {
  return new Promise((resolve) => {
    const request = get(address, { timeout: PATIENCE_MS }, (answer) => {
      answer.resume();
      resolve({ address, isWell: answer.statusCode === 200, says: answer.statusCode });
    });
    request.once('timeout', () => request.destroy(new Error(`nothing within ${PATIENCE_MS} ms`)));
    request.once('error', (error) => {
      if (error.code === 'ECONNREFUSED') resolve(undefined);
      else resolve({ address, isWell: false, says: error.message });
    });
  });
}
