import { hasCode, HoldfastError } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { KeyFinder, type FoundKey } from '../../shared/keys/find-key.js';
import { isHashOf, prefixOf } from '../../shared/keys/secret.js';
import { subscribe } from '../../shared/observe/subscribe.js';
import { isPostgresError } from '../../shared/postgres/postgres-error.js';
import { askForKeys } from './ask-for-keys.js';
import type { Caller } from './caller.js';
import { KeyUses } from './key-uses.js';

/** A key that was good so short a while ago is not looked up again: so long may one go on that was revoked elsewhere. */
const FRESH_MS = 5_000;
/** With PostgreSQL away nothing can be revoked, and nothing can be done either: but metrics must tell so. */
const STALE_MS = 3_600_000;
/** And it is not asked at every request whether it is back. */
const RETRY_MS = 1_000;
const USE_EVERY_MS = 60_000;
/** Only good keys are kept, so that this is never reached but where somebody makes keys for each of their requests. */
const MOST_KNOWN = 10_000;

interface Known {
  readonly caller: Caller;
  /** When it was found good. */
  readonly foundAt: number;
  readonly expiresAt: number;
  freshUntil: number;
  noteUseAt: number;
}

/** Tells whose secret it is. Knows the good ones of the last seconds by heart: a request with one of them costs a look into a map. */
export class KeyRing {
  /** By secret. They are in this process's memory with each request anyway. */
  private readonly known = new Map<string, Known>();
  /** Revocations that this process has heard of: a look that was under way then may not have seen it. */
  private revocations = 0;
  private readonly finder: KeyFinder;
  private readonly uses: KeyUses;
  private readonly unsubscribe: () => void;

  constructor({ db, events, logger }: Installation) {
    this.finder = new KeyFinder(db);
    this.uses = new KeyUses(db, logger);
    this.unsubscribe = subscribe(events, { keyRevoked: ({ id }) => this.forget(id) });
  }

  /**
   * At once when it is known.
   *
   * @throws HoldfastError `unauthenticated`; `postgres_unavailable`, or a PostgresError, when nobody can tell now
   */
  identify(secret: string): Caller | Promise<Caller> {
    const known = this.known.get(secret);
    const now = performance.now();
    if (!known || now >= known.freshUntil || now >= known.expiresAt) return this.lookUp(secret, known);
    if (now >= known.noteUseAt) this.noteUse(known, now);
    return known.caller;
  }

  async close(): Promise<void> {
    this.unsubscribe();
    await this.uses.close();
  }

  private async lookUp(secret: string, known: Known | undefined): Promise<Caller> {
    const prefix = prefixOf(secret);
    if (prefix === undefined) throw refusal('is not valid');
    // A key is as fresh as the question, not as the answer: it may have been revoked in between.
    const askedAt = performance.now();
    const { revocations } = this;
    let found: FoundKey | undefined;
    try {
      found = await askForKeys(this.finder.find(prefix));
    } catch (error) {
      if (!known || !isAway(error) || !mayGoOn(known, askedAt)) throw error;
      known.freshUntil = performance.now() + RETRY_MS;
      return known.caller;
    }
    this.known.delete(secret);
    const { id, name, role, expiresInMs } = checkFound(found, secret);
    if (revocations !== this.revocations) return this.lookUp(secret, undefined);
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    const fresh: Known = {
      caller: { id, name, role },
      foundAt: askedAt,
      expiresAt: askedAt + (expiresInMs ?? Infinity),
      freshUntil: askedAt + FRESH_MS,
      noteUseAt: known?.noteUseAt ?? -Infinity,
    };
    this.known.set(secret, fresh);
    if (askedAt >= fresh.noteUseAt) this.noteUse(fresh, askedAt);
    return fresh.caller;
  }

  private noteUse(known: Known, now: number): void {
    known.noteUseAt = now + USE_EVERY_MS;
    this.uses.note(known.caller.id);
  }

  private forget(id: number): void {
    this.revocations++;
    for (const [secret, { caller }] of this.known) if (caller.id === id) this.known.delete(secret);
  }
}

/** Only to those who have the secret it is told what became of the key. */
function checkFound(found: FoundKey | undefined, secret: string): FoundKey {
  if (!found || !isHashOf(found.secretHash, secret)) throw refusal('is not valid');
  if (found.isRevoked) throw refusal('was revoked');
  if (found.expiresInMs !== null && found.expiresInMs <= 0) throw refusal('has expired');
  return found;
}

const refusal = (what: string) => new HoldfastError('unauthenticated', `the API key ${what}`);

const isAway = (error: unknown) =>
  isPostgresError(error, 'unavailable') || hasCode(error, 'postgres_unavailable');

const mayGoOn = ({ foundAt, expiresAt }: Known, now: number) => now < foundAt + STALE_MS && now < expiresAt;
