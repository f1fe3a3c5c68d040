import { defineJob, PermanentError } from 'holdfast';
import { z } from 'zod';

/** A typed job: what `npx holdfast dev --handlers ./dist/examples/jobs/welcome.js` runs. */
export const welcome = defineJob({
  type: 'welcome',
  payload: z.object({ name: z.string().min(1), language: z.enum(['en', 'de']).default('en') }),
  timeoutMs: 10_000,
  retry: { maxRetries: 5, baseDelayMs: 500 },
  async run({ name, language }, { signal, attempt, log }) {
    log.info(`attempt ${attempt}`);
    signal.throwIfAborted();
    if (name === 'nobody') throw new PermanentError('nobody cannot be welcomed');
    return { greeting: language === 'de' ? `Willkommen, ${name}!` : `Welcome, ${name}!` };
  },
});

export default welcome;
