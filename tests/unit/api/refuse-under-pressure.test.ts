import { expect, test } from '@jest/globals';
import { refuseUnderPressure } from '../../../api/refuse-under-pressure.js';

test('a process that has just started refuses nothing, later it does', async () => {
  let nowMs = 1_000;
  const refuse = refuseUnderPressure(() => nowMs);
  await expect(refuse()).resolves.toBeUndefined();
  nowMs += 4_999;
  await expect(refuse()).resolves.toBeUndefined();
  nowMs += 1;
  await expect(refuse()).rejects.toMatchObject({ code: 'overloaded' });
});
