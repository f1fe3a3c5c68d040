import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
afterAll(() => api.close());

test('x', async () => {
  const doc = await api.get('/api-docs.json');
  writeFileSync('/tmp/doc.json', JSON.stringify(doc.body, null, 1));
});
