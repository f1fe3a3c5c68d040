import { Coalescer } from '../coalescer.js';
import type { Database } from '../postgres/create-database.js';
import type { Role } from './api-key.js';

/** What decides whether a secret is good. */
export interface FoundKey {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  readonly secretHash: Buffer;
  readonly isRevoked: boolean;
  /** Milliseconds, by the database's clock; zero or less: it has expired. Null: it never does. */
  readonly expiresInMs: number | null;
}

const FIND_KEYS = `
  SELECT prefix, id, name, role, secret_hash AS "secretHash", revoked_at IS NOT NULL AS "isRevoked",
    (date_part('epoch', expires_at - clock_timestamp()) * 1000)::float8 AS "expiresInMs"
    FROM api_keys WHERE prefix = ANY ($1::text[])`;

interface Waiting {
  readonly prefix: string;
  resolve(key: FoundKey | undefined): void;
  reject(error: unknown): void;
}

/** Strangers may send what they like, as often as they like: they get one connection. */
const OPTIONS = { maxBatch: 500, maxInFlight: 1 };

/** Finds keys by the public part of their secret; concurrent questions share one statement. */
export class KeyFinder {
  private readonly coalescer: Coalescer<Waiting>;

  constructor(private readonly db: Database) {
    this.coalescer = new Coalescer((batch) => this.findTogether(batch), OPTIONS);
  }

  /** Undefined: there is none. @throws PostgresError */
  find(prefix: string): Promise<FoundKey | undefined> {
    return new Promise((resolve, reject) => this.coalescer.add({ prefix, resolve, reject }));
  }

  private async findTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      const prefixes = [...new Set(batch.map(({ prefix }) => prefix))];
      const { rows } = await this.db.query<FoundKey & { prefix: string }>(FIND_KEYS, [prefixes]);
      const keys = new Map(rows.map((row) => [row.prefix, row]));
      for (const one of batch) one.resolve(keys.get(one.prefix));
    } catch (error) {
      for (const one of batch) one.reject(error);
    }
  }
}
