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

test('a batch whose last jobs are being settled goes with them, and stays known until they are', () => {
  const ledger = new ClaimLedger();
  const batchNo = ledger.begin();
  const [one, two, three] = [jobOf(batchNo), jobOf(batchNo), jobOf(batchNo)];
  ledger.end(batchNo, [one, two, three]);
  expect(ledger.takeFinished([one])).toEqual([]);
  ledger.settle(one);
  expect(ledger.takeFinished([two, three])).toEqual([batchNo]);
  ledger.settle(two);
  ledger.settle(three);
  expect(ledger.isKnown(batchNo)).toBe(true);
  ledger.drop([batchNo]);
  expect(ledger.isKnown(batchNo)).toBe(false);
  expect(ledger.takeFinished()).toEqual([]);
});

test('a batch whose last jobs could not be settled is as it was', () => {
  const ledger = new ClaimLedger();
  const batchNo = ledger.begin();
  const job = jobOf(batchNo);
  ledger.end(batchNo, [job]);
  ledger.giveBack(ledger.takeFinished([job]));
  expect(ledger.isKnown(batchNo)).toBe(true);
  expect(ledger.takeFinished()).toEqual([]);
  ledger.settle(job);
  expect(ledger.takeFinished()).toEqual([batchNo]);
});
