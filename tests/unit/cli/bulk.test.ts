import { expect, jest, test } from '@jest/globals';
import { ApiError } from '../../../cli/client/api-error.js';
import { runBulk, type BulkAnswer } from '../../../cli/commands/bulk.js';

const refusal = (code: string) => new ApiError(503, { success: false, error: code, code }, 0.01);

async function cancel(act: () => Promise<BulkAnswer>): Promise<unknown> {
  const work = { verb: 'Cancel', done: 'cancelled', noun: 'job', named: undefined, pageSize: 1_000, act };
  const preview = async () => ({ count: 1_000 });
  return runBulk({ yes: true, json: true }, { ...work, preview }).catch((error: unknown) => error);
}

test('work that is committed piece by piece is not repeated when a part of it may be done', async () => {
  const act = jest.fn(() => Promise.reject<BulkAnswer>(refusal('postgres_unavailable')));
  expect(await cancel(act)).toMatchObject({ body: { code: 'postgres_unavailable' } });
  expect(act).toHaveBeenCalledTimes(1);
});

test('what was not let begin is asked again', async () => {
  const written = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const act = jest
    .fn<() => Promise<BulkAnswer>>()
    .mockRejectedValueOnce(refusal('rate_limited'))
    .mockResolvedValue({ count: 1_000 });
  expect(await cancel(act)).toBeUndefined();
  expect(act).toHaveBeenCalledTimes(2);
  written.mockRestore();
});
