import { expect, test } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { scopeKey } from '../../../api/auth/scope-key.js';

const by = (id: number | null) =>
  ({ caller: id === null ? null : { id, name: 'shop', role: 'submitter' } }) as FastifyRequest;

test('an idempotency key belongs to the API key it came with', () => {
  expect(scopeKey(by(7), 'order-1')).toBe('7/order-1');
  expect(scopeKey(by(8), 'order-1')).not.toBe(scopeKey(by(7), 'order-1'));
});

test('where no API key is asked for it is stored as it came', () => {
  expect(scopeKey(by(null), 'order-1')).toBe('order-1');
  expect(scopeKey(by(7), undefined)).toBeUndefined();
});
