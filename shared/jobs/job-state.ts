/**
 * The state machine: every status a job can have, and every way from one to another. docs/state-machine.md draws it,
 * and a test holds the two together.
 */
export type JobStatus = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';

/** A pending job is one of the last four; see explain_job in the database. */
export type JobState = Exclude<JobStatus, 'pending'> | 'scheduled' | 'blocked' | 'paused' | 'ready';

export const TRANSITIONS = {
  claim: { from: ['pending'], to: 'running' },
  complete: { from: ['running'], to: 'completed' },
  retry: { from: ['running'], to: 'pending' },
  snooze: { from: ['running'], to: 'pending' },
  release: { from: ['running'], to: 'pending' },
  rescue: { from: ['running'], to: 'pending' },
  deadLetter: { from: ['running'], to: 'failed' },
  cancel: { from: ['pending', 'running'], to: 'cancelled' },
  retryFailed: { from: ['failed', 'cancelled'], to: 'pending' },
  replay: { from: ['failed'], to: 'pending' },
} as const satisfies Record<string, { from: readonly JobStatus[]; to: JobStatus }>;

export type Transition = keyof typeof TRANSITIONS;

export const FINISHED: readonly JobStatus[] = ['completed', 'failed', 'cancelled'];

/**
 * A job lost this often is a suspect: it may be what kills its process. A process runs one suspect at a time, so that a
 * further loss is evidence. One loss alone is no suspicion: a killed worker's jobs must run elsewhere at once, all of
 * them; see docs/adr/0003-suspects-from-the-second-loss.md.
 */
export const SUSPECT_AFTER_LOSSES = 2;

/** Losses as the only suspect of a process that make a job a dead letter. */
export const LOSSES_AS_SUSPECT = 3;
