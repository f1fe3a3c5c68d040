import { expect, test } from '@jest/globals';
import type { ClaimedJob } from '../../shared/jobs/claimed-job.js';
import { ClaimLedger } from '../../workers/claim-ledger.js';

const jobOf = (batchNo: number) => ({ batchNo }) as ClaimedJob;

test('a batch is known from the start of its claim until its row is certainly gone', () => {
  const ledger = new ClaimLedger();
  const batchNo = ledger.begin();
  expect(ledger.isKnown(batchNo)).toBe(true);
  ledger.end(batchNo, [jobOf(batchNo), jobOf(batchNo)]);
  ledger.settle(jobOf(batchNo));
  expect(ledger.takeFinished()).toEqual([]);
  ledger.settle(jobOf(batchNo));
  expect(ledger.takeFinished()).toEqual([batchNo]);
  // Its DELETE is under way: reconcile still sees the row, and must not take it for a lost claim.
  expect(ledger.isKnown(batchNo)).toBe(true);
  ledger.giveBack([batchNo]);
  expect(ledger.takeFinished()).toEqual([batchNo]);
  ledger.drop([batchNo]);
  expect(ledger.isKnown(batchNo)).toBe(false);
});

test('a claim that failed is not known: what it may have committed is released', () => {
  const ledger = new ClaimLedger();
  const batchNo = ledger.begin();
  ledger.end(batchNo, []);
  expect(ledger.isKnown(batchNo)).toBe(false);
});
