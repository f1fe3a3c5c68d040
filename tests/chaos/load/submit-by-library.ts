import { createClient, defineJob, HoldfastError, openInstallation, type Dependency } from '../../../index.js';
import { z } from 'zod';
import { openLink } from '../world/link.js';
import { draftJob, type Draft } from './mix.js';
import { repeat, type Submitter, type SubmitterContext } from './submitter.js';

/** The client needs the type, not the handler. */
const jobOf = (type: string) =>
  defineJob({ type, payload: z.object({ ref: z.string() }).loose(), run: () => undefined });

/**
 * Submits with the library, in this process, over a link of its own: a burst of single jobs that share statements, and a
 * batch; a parent with children, a job that waits for all of these, and one that is cancelled with its failing parent.
 */
export async function submitByLibrary(context: SubmitterContext, everyMs: number): Promise<Submitter> {
  const { world, promises, random } = context;
  const link = await openLink(world.servers);
  const installation = await openInstallation({
    postgres: { connectionString: link.postgresUrl, applicationName: 'library' },
    redis: { url: link.redisUrl },
  });
  const client = await createClient({ installation });
  const keepOrRefuse = async (drafts: readonly Draft[], submit: () => Promise<readonly { id: number }[]>) => {
    try {
      const submitted = await submit();
      drafts.forEach(({ payload, jobType }, index) =>
        promises.keep((submitted[index] as { id: number }).id, payload.ref, jobType),
      );
      return submitted;
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      if (error.code === 'postgres_unavailable')
        for (const { payload } of drafts) promises.refused.add(payload.ref);
      return [];
    }
  };
  const draft = () => draftJob(promises.nextRef(), random);
  const submitOne = (one: Draft, dependsOn: Dependency[] = []) => {
    const { jobType, payload, ...options } = one;
    return keepOrRefuse([one], async () => [
      await client.submit(jobOf(jobType), payload, { ...options, dependsOn }),
    ]);
  };
  const effects = (count: number): Draft[] =>
    Array.from({ length: count }, () => ({ jobType: 'effect', payload: { ref: promises.nextRef() } }));

  const onAny = (jobs: readonly { id: number }[]): Dependency[] =>
    jobs.map(({ id }) => ({ jobId: id, onFailure: 'run' }));

  async function submitDiamond(): Promise<void> {
    const parents = await submitOne(draft());
    if (parents.length === 0) return;
    const children = await Promise.all(effects(3).map((child) => submitOne(child, onAny(parents))));
    for (const join of effects(1)) await submitOne(join, onAny(children.flat()));
  }

  async function submitDoomed(): Promise<void> {
    const ref = promises.nextRef();
    const [parent] = await submitOne({ jobType: 'permanent', payload: { ref: promises.nextRef() } });
    if (!parent) return;
    await submitOne({ jobType: 'effect', payload: { ref } }, [{ jobId: parent.id, onFailure: 'cancel' }]);
    promises.jobs.get(ref)?.mayEndAs.clear();
    promises.jobs.get(ref)?.mayEndAs.add('cancelled');
  }

  const loop = repeat(everyMs, async () => {
    const batch = effects(random.pick([50, 100, 200]));
    const singles = Array.from({ length: 10 }, draft);
    await Promise.all([
      ...singles.map((one) => submitOne(one)),
      keepOrRefuse(batch, () =>
        client.submitMany(
          jobOf('effect'),
          batch.map(({ payload }) => payload),
        ),
      ),
    ]);
    await submitDiamond();
    await submitDoomed();
  });
  return {
    async stop() {
      await loop.stop();
      await installation.close();
      await link.close();
    },
  };
}
