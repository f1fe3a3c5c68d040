import { expect, test } from '@jest/globals';
import { openInstallation } from '../../shared/installation.js';
import { createTestInstallation } from '../support/test-installation.js';

test('tables of an earlier version are not worked with: the error says what to run', async () => {
  const db = await createTestInstallation({ redis: false });
  try {
    await db.sql('ALTER TABLE installation DROP COLUMN seal_key');
    const opened = openInstallation({ postgres: { connectionString: db.connectionString } });
    await expect(opened).rejects.toMatchObject({
      code: 'not_migrated',
      message: expect.stringMatching(/earlier version: run `holdfast migrate up`/) as unknown,
    });
  } finally {
    await db.close();
  }
});
