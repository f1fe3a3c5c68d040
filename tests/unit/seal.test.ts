import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Seal } from '../../shared/seal.js';

const key = randomBytes(32);
const seal = new Seal(key);

test.each(['', '{"n":1}', 'ü€😀'])('what was sealed is opened by whoever has the key: %j', (text) => {
  const sealed = seal.seal(text, 'to w-1');
  expect(new Seal(key).open(sealed, 'to w-1')).toBe(text);
  expect(text === '' || sealed.includes(text)).toBe(text === '');
});

test('with another key, for another purpose, changed or cut off it is void', () => {
  const sealed = seal.seal('text', 'to w-1');
  expect(new Seal(randomBytes(32)).open(sealed, 'to w-1')).toBeUndefined();
  expect(seal.open(sealed, 'to w-2')).toBeUndefined();
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    expect(seal.open(changed, 'to w-1')).toBeUndefined();
    expect(seal.open(sealed.subarray(0, at), 'to w-1')).toBeUndefined();
  }
});

test('no nonce comes twice, prepared or not', () => {
  const nonces = new Set<string>();
  for (let time = 0; time < 1_000; time++) {
    if (time % 3 === 0) seal.prepare();
    if (time % 5 === 0) seal.prepare();
    nonces.add(seal.seal('same', 'same').subarray(0, 12).toString('hex'));
  }
  expect(nonces.size).toBe(1_000);
});
