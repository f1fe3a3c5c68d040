import { HoldfastError } from '../shared/errors.js';

const POSTGRES_WISHES = ['auto', 'given', 'binaries', 'embedded', 'docker'] as const;

/** A single source, or 'auto': the first that delivers. */
export type PostgresWish = (typeof POSTGRES_WISHES)[number];
/** The same, without the embedded Redis that does not exist, and with no Redis at all. */
export type RedisWish = Exclude<PostgresWish, 'embedded'> | 'none';

export interface SourceWish {
  readonly postgres: PostgresWish;
  readonly redis: RedisWish;
  /** A Redis asked for in code has to be there; otherwise PostgreSQL-only dispatch will do. */
  readonly isRedisRequired: boolean;
}

/** What the caller asks for, else what HOLDFAST_SERVERS and HOLDFAST_REDIS say, else anything. */
export function readWish(options: { postgres?: PostgresWish; redis?: RedisWish }): SourceWish {
  const forced = readForcedSource();
  const postgres = options.postgres === undefined || options.postgres === 'auto' ? forced : options.postgres;
  const asked = options.redis ?? 'auto';
  if (asked !== 'auto') return { postgres, redis: asked, isRedisRequired: asked !== 'none' };
  const isUnwanted = process.env.HOLDFAST_REDIS === 'none' || forced === 'embedded';
  return { postgres, redis: isUnwanted ? 'none' : forced, isRedisRequired: false };
}

function readForcedSource(): PostgresWish {
  const value = process.env.HOLDFAST_SERVERS ?? '';
  if (value === '') return 'auto';
  const known = POSTGRES_WISHES.find((wish) => wish === value);
  if (known !== undefined) return known;
  throw new HoldfastError(
    'validation_failed',
    `HOLDFAST_SERVERS is '${value}' but must be one of ${POSTGRES_WISHES.join(', ')}`,
  );
}
