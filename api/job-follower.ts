import type { Installation } from '../shared/installation.js';
import { messageOf } from '../shared/errors.js';
import { readFollowed, type FollowedJob } from '../shared/jobs/follow-jobs.js';
import { createLoop, type Loop } from '../shared/time/loop.js';

/** Told how the job stands, again and again; undefined: it was deleted. */
export interface Follower {
  look(job: FollowedJob | undefined): void | Promise<void>;
  /** The server closes. */
  end(): void;
}

/** Follows jobs for those who listen: one statement a round for all of them, and none while nobody listens. */
export interface JobFollower {
  readonly count: number;
  /** Returns what ends it. */
  follow(jobId: number, follower: Follower): () => void;
  close(): Promise<void>;
}

const ROUND_MS = 250;
/** Nobody listens: the next one pokes. */
const IDLE_MS = 60_000;

export function createJobFollower({ db, logger }: Installation): JobFollower {
  const followers = new Map<Follower, number>();
  let loop: Loop | undefined;
  let isClosed = false;

  async function runOnce(): Promise<number> {
    if (followers.size === 0) return IDLE_MS;
    // Whoever comes while this reads is for the next round: a job that was not asked for would look like a deleted one.
    const present = [...followers];
    const jobs = await readFollowed(db, [...new Set(present.map(([, id]) => id))]);
    const looks = present.map(async ([follower, id]) => {
      if (followers.has(follower)) await follower.look(jobs.get(id));
    });
    await Promise.all(looks);
    return ROUND_MS;
  }

  return {
    get count() {
      return followers.size;
    },
    follow(jobId, follower) {
      // A request that was under way when the server began to close.
      if (isClosed) {
        follower.end();
        return () => undefined;
      }
      const isFirst = followers.size === 0;
      followers.set(follower, jobId);
      // Made by the first listener, so that a server that is only built leaves no timer behind.
      loop ??= createLoop({
        name: 'job followers',
        runOnce,
        onError: (error) => logger.debug('jobs could not be followed now', { error: messageOf(error) }),
      });
      void loop.start();
      if (isFirst) loop.poke();
      return () => followers.delete(follower);
    },
    async close() {
      isClosed = true;
      for (const follower of [...followers.keys()]) follower.end();
      followers.clear();
      await loop?.stop();
    },
  };
}
