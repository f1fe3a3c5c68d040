import { NOT_BEGUN, patiently } from '../client/patiently.js';
import { CommandFailure, FAILED } from '../failure.js';
import { confirm, requireConsent, type ConfirmOptions } from '../input/confirm.js';
import { printJson, printLine, printNote } from '../output/print.js';
import { showProgress } from '../output/progress.js';
import { countOf, grouped } from '../output/text.js';

export interface BulkOptions extends ConfirmOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export interface BulkAnswer {
  readonly count: number;
  /** Left as they are: somebody else holds them, or they are no longer what they were. */
  readonly skipped?: number;
  /** There are more than the limit allowed. */
  readonly has_more?: boolean;
}

export interface BulkWork<Answer extends BulkAnswer> {
  /** What is done, before it is done and when it is: `Cancel`, `cancelled`. */
  readonly verb: string;
  readonly done: string;
  readonly noun: string;
  /** How many were named one by one; undefined: a filter finds them. */
  readonly named: number | undefined;
  /** How many there are, up to what one command may change; nothing is changed. */
  readonly preview: () => Promise<Answer>;
  /** Changes at most `limit` of them. */
  readonly act: (limit: number) => Promise<Answer>;
  /** In one call at most. */
  readonly pageSize: number;
  /** What else is to be said when all is done; goes on after a semicolon. */
  readonly note?: (answer: Answer) => string | undefined;
}

/**
 * Counts, asks, then works page by page with a bar. With `--json`, one answer for all pages.
 *
 * @throws CommandFailure when some that were named one by one were left as they are
 */
export async function runBulk<Answer extends BulkAnswer>(
  options: BulkOptions,
  work: BulkWork<Answer>,
): Promise<void> {
  const preview = await work.preview();
  const found = countOf(preview.count, work.noun) + (preview.has_more ? ', and there are more' : '');
  if (options.dryRun || preview.count === 0) {
    tell(
      options,
      preview,
      preview.count === 0 ? `no ${work.noun} matches` : `would be ${work.done}: ${found}`,
    );
    return requireAll(work, preview.count);
  }
  if (!(await confirm(`${work.verb} ${found}?`, options)))
    throw new CommandFailure(FAILED, 'nothing was changed');
  const answer = await runPages(work, preview.count);
  tell(options, answer, describeDone(work, answer, preview));
  requireAll(work, answer.count);
}

function tell({ json }: BulkOptions, answer: BulkAnswer, words: string): void {
  if (json) printJson(answer);
  else printLine(words);
}

function describeDone<Answer extends BulkAnswer>(
  { noun, done, note }: BulkWork<Answer>,
  answer: Answer,
  preview: Answer,
): string {
  const { count, skipped = 0 } = answer;
  const notes = [
    skipped > 0 ? `${grouped(skipped)} left as they are, in use by somebody else` : undefined,
    note?.(answer),
    preview.has_more ? 'there are more: run it again' : undefined,
  ];
  return [`${countOf(count, noun)} ${done}`, ...notes.filter((one) => one !== undefined)].join('; ');
}

function requireAll({ named, noun }: Pick<BulkWork<never>, 'named' | 'noun'>, count: number): void {
  if (named === undefined || count >= named) return;
  const left = named - count;
  throw new CommandFailure(
    FAILED,
    `${left} of the ${named} ${noun}s ${left === 1 ? 'is as it was' : 'are as they were'}: show says why`,
  );
}

/** To be called before the client is opened: what cannot be done is said at once. @throws BadInput */
export function checkBulk(options: BulkOptions): void {
  if (!options.dryRun) requireConsent(options);
}

/** Never more than were counted: a job that was retried may fail, and match, again. */
async function runPages<Answer extends BulkAnswer>(work: BulkWork<Answer>, total: number): Promise<Answer> {
  const progress = await showProgress(work.verb, total);
  let [count, skipped] = [0, 0];
  try {
    for (;;) {
      // Whatever else fails may have done a part of it: what is left, a person decides.
      const answer = await patiently(() => work.act(Math.min(work.pageSize, total - count)), NOT_BEGUN);
      count += answer.count;
      skipped += answer.skipped ?? 0;
      progress.advance(answer.count);
      if (answer.has_more && answer.count > 0 && count < total) continue;
      return { ...answer, count, ...(answer.skipped === undefined ? {} : { skipped }) };
    }
  } catch (error) {
    progress.end();
    if (count > 0) printNote(`${countOf(count, work.noun)} ${work.done} before this failed:`);
    throw error;
  } finally {
    progress.end();
  }
}
