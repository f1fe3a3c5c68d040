import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import { findParentsOfHeld } from '../shared/jobs/find-held.js';
import { releaseDependents, releaseDependentsApart } from '../shared/jobs/release-dependents.js';
import { isPostgresError } from '../shared/postgres/postgres-error.js';
import { HeldBack } from './held-back.js';

/** Releases what waits for jobs that this worker has finished. A child that somebody's transaction holds keeps nothing else waiting. */
export class Dependents {
  private readonly heldBack: HeldBack<number>;

  constructor(private readonly installation: Installation) {
    this.heldBack = new HeldBack<number>({
      keyOf: (parentId) => parentId,
      findFree: async (parentIds) => {
        const held = await findParentsOfHeld(installation.db, parentIds);
        return parentIds.filter((id) => !held.has(id));
      },
      retry: (parentIds) => this.releaseApart(parentIds),
    });
  }

  /** After the commit of these parents. Never throws: what is not released is made good, in the end by the sweep. */
  async release(parentIds: readonly number[]): Promise<void> {
    if (parentIds.length === 0) return;
    try {
      await releaseDependents(this.installation, parentIds);
    } catch (error) {
      if (isPostgresError(error, 'lock_conflict')) for (const id of parentIds) this.heldBack.add(id);
      else this.leaveToSweep(error);
    }
  }

  private async releaseApart(parentIds: readonly number[]): Promise<void> {
    const holdBack = (id: number) => this.heldBack.add(id);
    await releaseDependentsApart(this.installation, parentIds, holdBack).catch((error: unknown) =>
      this.leaveToSweep(error),
    );
  }

  private leaveToSweep(error: unknown): void {
    const what = 'dependents were not released after a settle; the sweep will';
    this.installation.logger.warn(what, { error: messageOf(error) });
  }

  /** What is held back now is left to the sweep. */
  close(): void {
    this.heldBack.close();
  }
}
