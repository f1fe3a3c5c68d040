import { createKey, type CreatedKey } from '../../../../shared/keys/create-key.js';
import type { Installation } from '../../../../shared/installation.js';
import { ROLES, type Role } from '../../../../shared/keys/api-key.js';

export const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

export type KeyOfRole = Readonly<Record<Role, CreatedKey>>;

/** A key of each role, named like it. */
export async function createKeys(installation: Installation): Promise<KeyOfRole> {
  const created = await Promise.all(
    ROLES.map(async (role) => [role, await createKey(installation, { name: role, role })]),
  );
  return Object.fromEntries(created) as KeyOfRole;
}

/** As it is some time after: it has expired. */
export async function expire({ db }: Installation, id: number): Promise<void> {
  await db.query(
    `UPDATE api_keys SET created_at = now() - interval '1 day', expires_at = now() - interval '1 second' WHERE id = $1`,
    [id],
  );
}
