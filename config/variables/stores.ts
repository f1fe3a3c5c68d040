/** PostgreSQL and Redis: where they are. */
import {
  address,
  listOf,
  oneOf,
  readHostAndPort,
  remotePort,
  text,
  textLike,
  wholeNumber,
} from '../value-kinds.js';
import { variable, BadValue } from '../variable.js';

export const postgresVariables = {
  DATABASE_URL: address(/^postgres(ql)?:\/\//i, 'postgres://user:password@host:5432/database', {
    about: 'The database. Wins over POSTGRES_*',
    example: 'postgres://user:password@localhost:5432/app',
    isSecret: true,
  }),
  DATABASE_DIRECT_URL: address(/^postgres(ql)?:\/\//i, 'postgres://user:password@host:5432/database', {
    about:
      'The same database past a pooler such as PgBouncer in transaction mode: for LISTEN and migrations. Unset: DATABASE_URL',
    example: 'postgres://user:password@localhost:5432/app',
    isSecret: true,
  }),
  POSTGRES_HOST: text({ about: 'A name, an address, or the folder of a Unix socket', default: 'localhost' }),
  POSTGRES_PORT: remotePort({ about: 'The port of PostgreSQL', default: '5432' }),
  POSTGRES_DB: text({ about: "The database. Unset: the user's name", example: 'app' }),
  POSTGRES_USER: text({ about: 'The role to connect as', default: 'postgres' }),
  POSTGRES_PASSWORD: text({ about: 'Its password', example: 'secret', isSecret: true }),
  DATABASE_SCHEMA: textLike(
    /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/,
    'a schema name: letters, digits, _ and $, at most 63, not starting with a digit',
    { about: "The schema of Holdfast's tables", default: 'public' },
  ),
  DATABASE_POOL_SIZE: wholeNumber({
    about: 'Connections at most, in each process',
    default: '10',
    from: 1,
    to: 1_000,
  }),
};

/** Without a user, too: `redis://:password@host`. It is not shown, since `redis-cli -u` refuses an empty name. */
const REDIS_ADDRESS = /^rediss?:\/\//i;

export const redisVariables = {
  REDIS_URL: variable(
    {
      about: 'One Redis server. Wins over REDIS_HOST; `none`: no Redis, PostgreSQL dispatches',
      example: 'redis://default:password@localhost:6379/0',
      isSecret: true,
    },
    (value) => {
      if (value.toLowerCase() === 'none') return null;
      if (REDIS_ADDRESS.test(value) && URL.canParse(value)) return value;
      throw new BadValue(
        'must be an address like redis://default:password@host:6379/0 (or rediss://), or none',
      );
    },
  ),
  REDIS_HOST: text({ about: 'A name or an address', default: 'localhost' }),
  REDIS_PORT: remotePort({ about: 'The port of Redis', default: '6379' }),
  REDIS_PASSWORD: text({ about: 'The password of Redis', example: 'secret', isSecret: true }),
  REDIS_DB: wholeNumber({ about: 'The number of the database in Redis', default: '0', from: 0, to: 65_535 }),
  REDIS_SENTINELS: listOf(readHostAndPort, {
    about: 'Sentinels that know the primary, instead of REDIS_URL',
    example: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
  }),
  REDIS_SENTINEL_NAME: text({ about: 'The name under which they know it', default: 'mymaster' }),
  REDIS_CLUSTER_NODES: listOf(readHostAndPort, {
    about: 'Some nodes of a Redis Cluster, instead of REDIS_URL',
    example: 'node-1:6379,node-2:6379,node-3:6379',
  }),
  REDIS_QUEUE_PREFIX: textLike(/^[^\s{}*?[\]\\]{1,100}$/, 'up to 100 characters without spaces or {}*?[]\\', {
    about: 'What every key in Redis begins with',
    default: 'job:',
  }),
};

export const developmentVariables = {
  HOLDFAST_SERVERS: oneOf(['auto', 'given', 'binaries', 'embedded', 'docker'], {
    about:
      'Where `holdfast dev` gets PostgreSQL and Redis from: one of given, binaries, embedded, docker; or the first that works',
    default: 'auto',
  }),
  HOLDFAST_REDIS: oneOf(['auto', 'none'], {
    about: '`none`: `holdfast dev` goes without Redis',
    default: 'auto',
  }),
};
