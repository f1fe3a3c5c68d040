/** What the commands read of an API key; see api/schemas/keys.ts. */
export interface ApiKey {
  readonly id: number;
  readonly name: string;
  readonly role: string;
  readonly prefix: string;
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
}
