import { createClient } from 'holdfast';
import { welcome } from './welcome.js';

/** Submits a job and awaits its result. */
const { DATABASE_URL = '', REDIS_URL } = process.env;
const client = await createClient({
  postgres: { connectionString: DATABASE_URL },
  redis: REDIS_URL ? { url: REDIS_URL } : null,
});
const { id } = await client.submit(welcome, { name: 'Ada' });
console.log(`job ${id}:`, await client.result(id));
await client.close();
