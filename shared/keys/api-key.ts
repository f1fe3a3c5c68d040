/** Who may do what: each role may do all that those before it may. */
export const ROLES = ['viewer', 'submitter', 'operator', 'admin'] as const;

export type Role = (typeof ROLES)[number];

/** A row of `api_keys` as the API shows it: all but the hash of its secret. */
export interface ApiKey {
  readonly id: number;
  /** What is written where somebody is named: `created_by` of jobs, reviewers, logs. */
  readonly name: string;
  readonly role: Role;
  /** How its secret begins. Public. */
  readonly prefix: string;
  readonly created_at: Date;
  /** To the minute; null: never. */
  readonly last_used_at: Date | null;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

export const KEY_COLUMNS = 'id, name, role, prefix, created_at, last_used_at, expires_at, revoked_at';
