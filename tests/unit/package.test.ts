import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packageRoot } from '../../shared/package-root.js';

interface LockedPackage {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly engines?: { readonly node?: string };
}

const { packages } = JSON.parse(readFileSync(join(packageRoot, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

/** Whether a range such as `^18 || >=20.9` has Node 20, as far as major versions say. */
const allowsNode20 = (range: string): boolean =>
  range.split('||').some((alternative) => {
    const [, sign = '', major = '20'] = /^\s*([^\d\s]*)\s*(\d+)?/.exec(alternative) ?? [];
    return sign.startsWith('>') ? Number(major) <= 20 : Number(major) === 20;
  });

test('what is installed in production runs on Node 20, so that npm warns nobody', () => {
  const refusing = Object.entries(packages)
    .filter(([, { dev, engines }]) => !dev && !allowsNode20(engines?.node ?? '*'))
    .map(([name, { engines }]) => `${name}: ${engines?.node}`);
  expect(refusing).toEqual([]);
});

test('the lock names no registry: whoever installs uses their own', () => {
  expect(Object.entries(packages).filter(([, locked]) => 'resolved' in locked)).toEqual([]);
});
