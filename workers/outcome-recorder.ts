import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { findSettled } from '../shared/jobs/find-settled.js';
import type { Outcome } from '../shared/jobs/outcome.js';
import { settleOutcomes, type Settlement } from '../shared/jobs/settle-jobs.js';
import { Dependents } from './dependents.js';
import type { FinishedClaims } from './finished-claims.js';
import { describe, without } from './settled-outcome.js';

export interface RecorderOptions {
  readonly installation: Installation;
  readonly workerId: string;
  readonly isDeadLetterEnabled: boolean;
  /** The largest result, in bytes of JSON. */
  readonly maxResultBytes: number;
}

/** What was recorded, and what is still to be done about it. */
interface Recorded extends Settlement {
  /** By an earlier settle whose reply was lost, or by the handler itself. */
  readonly before: readonly Outcome[];
  readonly isRelease: boolean;
}

/** Records outcomes of one kind, once, and does what follows from that. */
export class OutcomeRecorder {
  private readonly dependents: Dependents;

  constructor(
    private readonly options: RecorderOptions,
    private readonly claims: FinishedClaims,
  ) {
    this.dependents = new Dependents(options.installation);
  }

  /** @throws what settleOutcomes throws: nothing is recorded then, as far as is known */
  async record(outcomes: readonly Outcome[]): Promise<Recorded> {
    const kind = outcomes[0]?.kind;
    const jobs = outcomes.map(({ job }) => job);
    // Only completions delete the rows of claims that they finish.
    const recorded =
      kind === 'completed'
        ? await this.claims.settleWith(jobs, (batchNos) => this.settle(outcomes, batchNos))
        : await this.settle(outcomes, []);
    if (kind !== 'completed') this.claims.note(jobs);
    this.options.installation.events.emit('settled', [...recorded.settled, ...recorded.before].map(describe));
    return { ...recorded, isRelease: kind === 'released' };
  }

  /** After the commit. Never throws: a failure is made good by the sweep, and must not settle again. */
  async followUp({ parentIds, readyIds, before, isRelease }: Recorded): Promise<void> {
    const { installation } = this.options;
    await this.dependents.release([...parentIds, ...before.map(({ job }) => job.id)]);
    // What is released has waited once already.
    await dispatchReadyOf(installation, readyIds, isRelease ? 'front' : 'back').catch((error: unknown) => {
      const what = 'jobs that go on were not dispatched after a settle; polls will find them';
      installation.logger.warn(what, { error: messageOf(error) });
    });
  }

  /** What is held back now is left to the sweep. */
  close(): void {
    this.dependents.close();
  }

  private async settle(outcomes: readonly Outcome[], finishedBatches: readonly number[]) {
    const { installation, workerId, isDeadLetterEnabled, maxResultBytes } = this.options;
    const options = { finishedBatches, isDeadLetterEnabled, maxResultBytes };
    const settlement = await settleOutcomes(installation.db, workerId, outcomes, options);
    const unmatched = without(outcomes, settlement.settled);
    return { ...settlement, before: unmatched.length > 0 ? await this.explain(unmatched) : [] };
  }

  /** No row matched: it was settled before, and is returned as it is on record, or the attempt was taken from us. */
  private async explain(unmatched: readonly Outcome[]): Promise<Outcome[]> {
    const { installation, workerId } = this.options;
    const before = await findSettled(installation.db, workerId, unmatched);
    const known = new Set(before.map(({ job }) => job));
    const jobIds = unmatched.filter(({ job }) => !known.has(job)).map(({ job }) => job.id);
    if (jobIds.length > 0) installation.events.emit('ownershipLost', { jobIds, workerId });
    return before;
  }
}
