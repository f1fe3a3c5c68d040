import { z } from 'zod';
import { HoldfastError } from '../../shared/errors.js';
import {
  readAttemptsAfter,
  readFollowed,
  type AttemptLogs,
  type FollowedJob,
} from '../../shared/jobs/follow-jobs.js';
import type { Database } from '../../shared/postgres/create-database.js';
import type { ApiContext, ZodServer } from '../context.js';
import { EventStream } from '../event-stream.js';
import {
  endedAttempts,
  hasNews,
  isFinished,
  parseTold,
  tellNews,
  TOLD_NOTHING,
  type Told,
} from '../job-story.js';
import { answers } from '../openapi.js';
import { jobParams } from '../schemas/common.js';

/** Streams a process serves at once. Each is a socket, and a look at its job every quarter of a second. */
const MOST_STREAMS = 1_000;

const DESCRIPTION = `Server-sent events, until the job ends:
- \`logs\` \`{attempt, status, error_message, lines}\`: what an attempt that has ended logged;
- \`status\` \`{job_id, status, attempt, …}\`, at the end with \`result\` or the error;
- \`progress\` \`{job_id, attempt, percent}\`.

\`Last-Event-ID\` goes on where the event of that id left off; 204 when there is nothing left to tell.`;

const headers = z.looseObject({
  'last-event-id': z
    .string()
    .refine((id) => id === '' || parseTold(id) !== undefined, 'is not an id that this stream has sent')
    .optional(),
});

const streamAnswer = {
  description: 'The stream.',
  content: { 'text/event-stream': { schema: z.string() } },
};
const streamAnswers: Record<number, unknown> = {
  ...answers({}, 400, 404, 503),
  200: streamAnswer,
  204: z.null().describe('The job has ended, and all of it was told.'),
};

export function addJobEventRoutes(app: ZodServer, { installation, follower }: ApiContext): void {
  const schema = {
    tags: ['jobs'],
    operationId: 'followJob',
    summary: 'Follow a job',
    description: DESCRIPTION,
    params: jobParams,
    headers,
    response: streamAnswers,
  };
  // A HEAD of it would never end.
  app.get(
    '/api/jobs/:id/events',
    { schema, exposeHeadRoute: false, config: { role: 'viewer' } },
    async (request, reply) => {
      const { id } = request.params;
      const { db } = installation;
      const job = (await readFollowed(db, [id])).get(id);
      if (!job) throw new HoldfastError('not_found', `there is no job ${id}`);
      if (follower.count >= MOST_STREAMS)
        throw new HoldfastError('overloaded', `this process serves ${MOST_STREAMS} streams already`);
      const lastEventId = request.headers['last-event-id'] ?? '';
      const first = await readNews(db, parseTold(lastEventId) ?? TOLD_NOTHING, job);
      if (isFinished(job) && first.events.length === 0) return reply.code(204).send();

      let { told } = first;
      let stopFollowing: () => unknown = () => undefined;
      const stream = new EventStream(reply, () => stopFollowing());
      const end = () => {
        stopFollowing();
        stream.end();
      };
      first.events.forEach((event) => stream.send(event));
      if (isFinished(job)) end();
      else {
        const look = async (now: FollowedJob | undefined) => {
          if (!now) return end();
          if (stream.isBehind) return;
          const news = await readNews(db, told, now);
          told = news.told;
          news.events.forEach((event) => stream.send(event));
          if (isFinished(now)) end();
        };
        stopFollowing = follower.follow(id, { look, end });
        if (!stream.isOpen) stopFollowing();
      }
      return reply;
    },
  );
}

async function readNews(db: Database, told: Told, job: FollowedJob) {
  if (!hasNews(told, job)) return { events: [], told };
  const attempts = told.logs < endedAttempts(job) ? await readAllAttempts(db, told, job) : [];
  return tellNews(told, job, attempts);
}

/** A job that has been retried for days has many; they come a page at a time. */
async function readAllAttempts(db: Database, told: Told, job: FollowedJob): Promise<AttemptLogs[]> {
  const all: AttemptLogs[] = [];
  for (;;) {
    const page = await readAttemptsAfter(db, job.id, all.at(-1)?.attempt ?? told.logs);
    all.push(...page);
    if (page.length === 0) return all;
  }
}
