import { request } from 'undici';
import { eventually } from '../../../support/eventually.js';
import type { Member, World } from '../../world/world.js';

/** Of a process that only coordinates: whether it is the one that leads now. */
export async function isLeading({ url }: Member): Promise<boolean> {
  const answer = await request(`${url}/health`).catch(() => undefined);
  if (!answer) return false;
  const { components } = (await answer.body.json()) as { components: { coordinator?: { status: string } } };
  return components.coordinator?.status === 'leading';
}

const LEASE_IS_HELD = `SELECT 1 FROM coordinator_lease WHERE holder IS NOT NULL AND expires_at > now()`;

/** Makes somebody else lead than this coordinator, which stands by from then on. It may be back before anybody looked. */
export async function passLeadershipOn({ db }: World, standby: Member): Promise<void> {
  const somebodyLeads = () =>
    eventually('somebody leads', async () => (await db.query(LEASE_IS_HELD)).rows.length > 0);
  await somebodyLeads();
  while (await isLeading(standby)) {
    await standby.process.end('SIGTERM');
    await standby.process.whenReady();
    await somebodyLeads();
  }
}
