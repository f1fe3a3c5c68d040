import type { Client } from 'pg';
import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { ANNOUNCEMENT_CHANNEL, dispatchRange, dispatchRecent } from '../../shared/jobs/dispatch-announced.js';
import type { Service } from '../../shared/lifecycle/service.js';
import { createLoop } from '../../shared/time/loop.js';

/** How often the connection is checked, and made again. */
const CHECK_MS = 5_000;
const RETRY_MS = 250;
/** What was announced while nobody listened: a failover of the leader, or of PostgreSQL, takes less. */
const CATCH_UP_MS = 30_000;

/** Listens for jobs submitted by plain SQL or inside a caller's transaction, and dispatches them. */
export function createAnnouncementListener(installation: Installation): Service {
  let client: Client | undefined;

  function onNotification(payload: string | undefined): void {
    const [schema, lowest, highest] = (payload ?? '').split(' ');
    if (schema !== installation.db.schema) return;
    dispatchRange(installation, Number(lowest), Number(highest)).catch((error: unknown) =>
      installation.logger.warn('announced jobs were not dispatched; polls will find them', {
        error: messageOf(error),
      }),
    );
  }

  async function connect(): Promise<Client> {
    const connection = await installation.db.connectDirectly();
    const lose = () => {
      client = undefined;
      loop.poke();
    };
    connection.on('error', lose);
    connection.on('end', lose);
    connection.on('notification', ({ payload }) => onNotification(payload));
    await connection.query(`LISTEN ${ANNOUNCEMENT_CHANNEL}`);
    return connection;
  }

  const loop = createLoop({
    name: 'announcements',
    runOnce: async () => {
      if (client) await client.query('SELECT 1');
      else {
        client = await connect();
        await dispatchRecent(installation, CATCH_UP_MS);
      }
      return CHECK_MS;
    },
    onError: () => undefined,
    retryMs: RETRY_MS,
  });

  return {
    name: 'announcements',
    start: () => loop.start(),
    async stop() {
      await loop.stop();
      await client?.end().catch(() => undefined);
      client = undefined;
    },
  };
}
