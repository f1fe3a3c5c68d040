import { afterEach, expect, test } from '@jest/globals';
import { describeAddresses } from '../../../examples/demo/addresses.js';
import type { Servers } from '../../../servers/start-servers.js';

const before = process.env.REDIS_URL;
afterEach(() => {
  if (before === undefined) delete process.env.REDIS_URL;
  else process.env.REDIS_URL = before;
});

function redisLine(url: string, { source = 'given', variable = '' } = {}): string | undefined {
  process.env.REDIS_URL = variable;
  const servers = { postgres: { source, url: 'postgres://postgres@127.0.0.1/app' }, redis: { source, url } };
  return describeAddresses('http://127.0.0.1:3000', servers as unknown as Servers).find((line) =>
    line.includes('redis-cli'),
  );
}

test('the variable is printed where redis-cli can use it', () => {
  const url = 'redis://default:s3cret@cache:6379/0';
  expect(redisLine(url, { variable: url })).toContain(`redis-cli -u "$REDIS_URL" --scan`);
});

test('an address without a user, which redis-cli refuses, is printed with one, and without its password', () => {
  const url = 'redis://:s3cret@cache:6379/2';
  const expected = `redis-cli -u 'redis://default:***@cache:6379/2' --scan`;
  expect(redisLine(url, { variable: url })).toContain(expected);
  expect(redisLine(url)).toContain(expected);
});

test('a private server is printed as it is', () => {
  const url = 'redis://127.0.0.1:6379/0';
  expect(redisLine(url, { source: 'binaries' })).toContain(`redis-cli -u '${url}' --scan`);
});
