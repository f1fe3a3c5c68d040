import { discardDeadLetter } from '../../shared/dead-letters/discard-dead-letter.js';
import { discardDeadLetters, previewDiscard } from '../../shared/dead-letters/discard-dead-letters.js';
import type { OpenLetterFilter } from '../../shared/dead-letters/open-letters.js';
import { replayDeadLetter } from '../../shared/dead-letters/replay-dead-letter.js';
import {
  DEFAULT_RATE_PER_SECOND,
  previewReplay,
  replayDeadLetters,
} from '../../shared/dead-letters/replay-dead-letters.js';
import { callerName } from '../auth/caller.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import {
  bulkDiscardAnswer,
  bulkDiscardBody,
  bulkReplayAnswer,
  bulkReplayBody,
  DEFAULT_BULK_LIMIT,
  discardAnswer,
  discardQuery,
  letterParams,
  replayAnswer,
  replayBody,
  type BulkFilter,
} from '../schemas/dead-letters.js';

const tags = ['dead letters'];
const config = { role: 'operator' } as const;

/** What closes dead letters: replay and discard, of one and of many. */
export function addDeadLetterReviewRoutes(app: ZodServer, context: ApiContext): void {
  addReplayRoute(app, context);
  addBulkReplayRoute(app, context);
  addDiscardRoute(app, context);
  addBulkDiscardRoute(app, context);
}

function addReplayRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'replayDeadLetter',
    summary: 'Run the job of a dead letter again',
    description:
      'The same job is pending again, with its retries counted anew; without a body, with the payload as it was. Asked for twice, ' +
      'it runs once, and the second answer says so.',
    params: letterParams,
    body: replayBody,
    response: answers({ 200: replayAnswer }, 400, 404, 409, 413, 415, 503),
  };
  app.post('/api/dead-letters/:id/replay', { schema, config }, async (request) => {
    const { id } = request.params;
    const { payload, note } = request.body ?? {};
    const by = callerName(request);
    const { jobId, isAlreadyReplayed } = await replayDeadLetter(installation, id, { payload, note, by });
    return {
      success: true,
      message: isAlreadyReplayed
        ? `dead letter ${id} was replayed before, as job ${jobId}`
        : `dead letter ${id} is replayed: job ${jobId} is pending`,
      job_id: jobId,
      dead_letter_id: id,
      already_replayed: isAlreadyReplayed,
    };
  });
}

function addBulkReplayRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'replayDeadLetters',
    summary: 'Run the jobs of many dead letters again, at a bounded rate',
    description:
      'The jobs become due one after the other, `rate_per_second` of them in a second, whatever happens to the processes. Letters are ' +
      'replayed page by page, the oldest first: after an error, the same request goes on with the rest.',
    body: bulkReplayBody,
    response: answers({ 200: bulkReplayAnswer }, 400, 413, 415, 503, 504),
  };
  app.post('/api/dead-letters/replay', { schema, config }, async (request) => {
    const { filter, limit = DEFAULT_BULK_LIMIT, note, dry_run: isDryRun = false } = request.body;
    const { rate_per_second: ratePerSecond = DEFAULT_RATE_PER_SECOND } = request.body;
    const wish = { filter: toFilter(filter), ratePerSecond, limit };
    const { count, skipped, hasMore, lastDueAt } = isDryRun
      ? await previewReplay(installation.db, wish)
      : await replayDeadLetters(installation, { ...wish, note, by: callerName(request) });
    return {
      success: true,
      count,
      skipped,
      has_more: hasMore,
      dry_run: isDryRun,
      rate_per_second: ratePerSecond,
      last_due_at: lastDueAt,
    };
  });
}

function addDiscardRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'discardDeadLetter',
    summary: 'Close a dead letter without running its job',
    description: 'The job stays failed until retention deletes it. The letter is kept, as discarded.',
    params: letterParams,
    querystring: discardQuery,
    response: answers({ 200: discardAnswer }, 400, 404, 409, 503),
  };
  app.delete('/api/dead-letters/:id', { schema, config }, async (request) => {
    const { id } = request.params;
    const { note } = request.query;
    const isNew = await discardDeadLetter(installation, id, { note, by: callerName(request) });
    return {
      success: true,
      message: isNew ? `dead letter ${id} is discarded` : `dead letter ${id} was discarded before`,
      dead_letter_id: id,
      already_discarded: !isNew,
    };
  });
}

function addBulkDiscardRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'discardDeadLetters',
    summary: 'Close many dead letters without running their jobs',
    body: bulkDiscardBody,
    response: answers({ 200: bulkDiscardAnswer }, 400, 413, 415, 503),
  };
  app.post('/api/dead-letters/discard', { schema, config }, async (request) => {
    const { filter, limit = DEFAULT_BULK_LIMIT, note, dry_run: isDryRun = false } = request.body;
    const wish = { filter: toFilter(filter), limit };
    const { count, skipped, hasMore } = isDryRun
      ? await previewDiscard(installation.db, wish)
      : await discardDeadLetters(installation, { ...wish, note, by: callerName(request) });
    return { success: true, count, skipped, has_more: hasMore, dry_run: isDryRun };
  });
}

const toFilter = (filter: BulkFilter): OpenLetterFilter => ({
  queue: filter.queue,
  jobType: filter.job_type,
  errorClass: filter.error_class,
  fingerprint: filter.fingerprint,
  reason: filter.reason,
  ids: filter.ids,
});
