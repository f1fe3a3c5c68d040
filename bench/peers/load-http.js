/**
 * Loads one address with HTTP requests over 64 connections and prints what came of it as JSON:
 * `node load-http.js '{"url", "seconds", "requests": [{"method", "path", "body"}]}'`.
 */
import autocannon from 'autocannon';

const { url, seconds, requests } = JSON.parse(process.argv[2]);
const headers = { 'content-type': 'application/json' };
const result = await autocannon({
  url,
  connections: 64,
  duration: seconds,
  requests: requests.map((request) => ({ ...request, headers })),
});
const { latency, errors, timeouts, non2xx } = result;
console.log(
  JSON.stringify({
    perSecond: result['2xx'] / result.duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: errors + timeouts + non2xx,
  }),
);
