import type { lookup } from 'node:dns';
import { describe, expect, test } from '@jest/globals';
import { PermanentError } from '../../../shared/jobs/job-errors.js';
import { isPrivateAddress, publicLookup } from '../../../workers/handlers/address-guard.js';

describe('isPrivateAddress', () => {
  test.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '127.9.9.9', '169.254.169.254', '172.31.255.255'],
    ...['192.168.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::127.0.0.1',
      'fe80::1',
      'fe80::1%eth0',
      'fc00::1',
      'fdff::1',
      'ff02::1',
      '2002:7f00:1::1',
    ],
    ...['::ffff:127.0.0.1', '::ffff:a00:1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe'],
  ])('%s is private', (address) => expect(isPrivateAddress(address)).toBe(true));

  test.each([
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ])('%s is public', (address) => expect(isPrivateAddress(address)).toBe(false));
});

describe('publicLookup', () => {
  const resolveTo = (...addresses: string[]) =>
    ((_host: string, _options: object, done: (error: null, found: object[]) => void) => {
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as unknown as typeof lookup;

  const look = (resolve: typeof lookup, all: boolean) =>
    new Promise((settle, fail) => {
      publicLookup(resolve)('host.test', { all }, (error, found) =>
        error === null ? settle(found) : fail(error),
      );
    });

  test('leaves out the private ones of several addresses', async () => {
    const resolve = resolveTo('10.0.0.1', '8.8.8.8', '::1');
    await expect(look(resolve, true)).resolves.toEqual([{ address: '8.8.8.8', family: 4 }]);
    await expect(look(resolve, false)).resolves.toBe('8.8.8.8');
  });

  test('refuses a name that has only private addresses and says what to set', async () => {
    const looking = look(resolveTo('192.168.1.1', 'fd00::1'), true);
    await expect(looking).rejects.toThrow(PermanentError);
    await expect(looking).rejects.toThrow(/host\.test.*HTTP_ALLOW_PRIVATE/);
  });
});
