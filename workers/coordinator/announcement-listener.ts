import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { dispatchRange } from '../../shared/jobs/dispatch-announced.js';
import { dispatchResumed } from '../../shared/queues/dispatch-resumed.js';
import { composeServices, type Service } from '../../shared/lifecycle/service.js';
import { AnnouncedRanges } from './announced-ranges.js';
import { Hearing } from './hearing.js';
import { createSearchLoop, LOOK_MS } from './search-loop.js';

/**
 * Dispatches jobs submitted by plain SQL or inside a caller's transaction, and those of queues resumed by SQL: by their
 * announcements where these are heard; else, as behind PgBouncer in transaction mode, submitted jobs are looked for, and the
 * sweep finds those of a resumed queue. Without Redis workers find them by themselves.
 */
export function createAnnouncementListener(installation: Installation): Service {
  const { db, lanes, logger } = installation;
  if (!lanes) return composeServices('announcements', []);

  const tellFailure = (error: unknown) =>
    logger.warn('announced jobs were not dispatched; polls will find them', { error: messageOf(error) });
  const ranges = new AnnouncedRanges(({ lowest, highest }) =>
    dispatchRange(installation, lowest, highest).catch(tellFailure),
  );

  function dispatch(payload: string): void {
    const [schema, first = '', second = ''] = payload.split(' ');
    if (schema !== db.schema) return;
    if (first === 'resumed') dispatchResumed(installation, second).catch(tellFailure);
    else ranges.add({ lowest: Number(first), highest: Number(second) });
  }

  const search = createSearchLoop(installation, () => hearing.isHearing);
  const hearing: Hearing = new Hearing({
    db,
    onAnnouncement: dispatch,
    onChange: () => search.poke(),
    onDeaf: (why) =>
      logger.warn(
        `${why}. Jobs submitted by plain SQL, or inside a caller's transaction, are looked for every ${LOOK_MS} ms instead; ` +
          'with DATABASE_DIRECT_URL naming PostgreSQL itself they start at once',
      ),
  });
  return composeServices('announcements', [search, hearing]);
}
