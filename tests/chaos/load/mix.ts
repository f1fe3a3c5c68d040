import type { Random } from '../random.js';

/** A job to be submitted, with what differs from the defaults. */
export interface Draft {
  readonly jobType: string;
  readonly payload: { readonly ref: string; readonly ms?: number; readonly times?: number };
  readonly queue?: string;
  readonly priority?: number;
  readonly maxRetries?: number;
  readonly timeoutMs?: number;
  readonly delayMs?: number;
}

const KINDS = [
  { weight: 70, make: (ref: string) => ({ jobType: 'effect', payload: { ref } }) },
  { weight: 4, make: (ref: string) => ({ jobType: 'effect', payload: { ref }, delayMs: 1_500 }) },
  {
    weight: 10,
    make: (ref: string, random: Random) => ({
      jobType: 'slow',
      payload: { ref, ms: Math.round(random.between(20, 600)) },
    }),
  },
  {
    weight: 5,
    make: (ref: string, random: Random) => ({
      jobType: 'flaky',
      payload: { ref, times: random.pick([1, 2]) },
    }),
  },
  { weight: 4, make: (ref: string) => ({ jobType: 'transactional', payload: { ref }, maxRetries: 20 }) },
  { weight: 2, make: (ref: string) => ({ jobType: 'snoozy', payload: { ref } }) },
  { weight: 1, make: (ref: string) => ({ jobType: 'permanent', payload: { ref } }) },
  { weight: 1, make: (ref: string) => ({ jobType: 'exhausted', payload: { ref }, maxRetries: 2 }) },
  {
    weight: 0.2,
    make: (ref: string, random: Random) => ({
      jobType: 'unstorable',
      payload: { ref, times: random.pick([0, 1, 2, 3]) },
      maxRetries: 20,
    }),
  },
  { weight: 1.5, make: (ref: string) => ({ jobType: 'patient', payload: { ref, ms: 4_000 } }) },
] satisfies readonly { weight: number; make: (ref: string, random: Random) => Draft }[];

/** An ordinary job: mostly short ones that work, some that are slow, late, fail or are to be cancelled. */
export function draftJob(ref: string, random: Random): Draft {
  const draft: Draft = random.pickWeighted(KINDS).make(ref, random);
  return { ...draft, priority: random.pick([20, 50, 50, 50, 80]) };
}
