import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { findJobAfter, prunePage } from '../../shared/jobs/prune-jobs.js';
import { isPostgresError } from '../../shared/postgres/postgres-error.js';

const PAGE = 1_000;
/** A page that PostgreSQL refuses to delete is gone through in smaller ones, and these in smaller ones. */
const SMALLER = 10;

/** Deletes old jobs page by page; a row that may not go, for a foreign key of somebody's own, keeps no other from it. */
export class Pruner {
  private pageSize = PAGE;
  /** In this walk. */
  private refused: { count: number; firstId: number; error: unknown } | undefined;

  constructor(
    private readonly installation: Installation,
    private readonly retentionMs: number,
  ) {}

  /** Returns where to go on; null: from the beginning, later. @throws PostgresError */
  async prune(afterId: number): Promise<number | null> {
    const { retentionMs, pageSize } = this;
    try {
      const { nextAfterId } = await prunePage(this.installation, afterId, { retentionMs, pageSize });
      this.pageSize = Math.min(PAGE, pageSize * SMALLER);
      if (nextAfterId === null) this.tellRefused();
      return nextAfterId;
    } catch (error) {
      if (!isPostgresError(error) || error.kind === 'unavailable') throw error;
      if (pageSize === 1) return this.passBy(afterId, error);
      this.pageSize = pageSize / SMALLER;
      return afterId;
    }
  }

  private async passBy(afterId: number, error: unknown): Promise<number | null> {
    const jobId = await findJobAfter(this.installation.db, afterId);
    if (jobId !== null)
      this.refused = { firstId: jobId, error, ...this.refused, count: (this.refused?.count ?? 0) + 1 };
    return jobId;
  }

  /** Once for each walk: there may be as many as there are rows in somebody's table. */
  private tellRefused(): void {
    if (!this.refused) return;
    const { count, firstId, error } = this.refused;
    this.refused = undefined;
    const what =
      'retention: PostgreSQL refuses to delete jobs; they stay. Does a table of your own refer to them?';
    this.installation.logger.warn(what, { count, firstId, error: messageOf(error) });
  }
}
