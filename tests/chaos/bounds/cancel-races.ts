import { setTimeout as wait } from 'node:timers/promises';
import { eventually } from '../../support/eventually.js';
import { named } from '../world/process-specs.js';
import { readLedger } from '../world/ledger.js';
import type { Member, World } from '../world/world.js';
import { defineBound, type Say } from './bound.js';
import { watchBeginnings, type Beginnings } from './run/beginnings.js';
import { cancelByApi, submitByApi, type CancelAnswer } from './run/call-api.js';
import { defaultWorkers, inWorld, memberNamed } from './run/in-world.js';

const RACES = 10_000;
const RACERS = 40;
const HANDLER_MS = 30;
/** A cancel that lost comes earlier the next time, one that won, later: so each racer stays where it is decided. */
const STEP_MS = 1;

/** What the API said of each job. */
type Answers = ReadonlyMap<number, CancelAnswer>;

/** One conditional UPDATE each, the first wins: the API, the row, the history and the handlers must tell the same. */
export const CANCEL_RACES = defineBound({
  name: 'cancel-races',
  what: `${RACES.toLocaleString('en')} jobs cancelled by DELETE just when they complete`,
  isLong: true,
  quantities: {
    disagreeing: { what: 'answers that do not agree with the row', unit: '', limit: 0 },
    winners: { what: 'jobs whose history does not have one winner', unit: '', limit: 0 },
    afterwards: { what: 'handlers that began after the attempt, or the job, was over', unit: '', limit: 0 },
    cancelled: { what: 'races that the cancel won', unit: '%' },
  },
  measure: (say: Say) =>
    inWorld(
      { cast: [...defaultWorkers(2, { concurrency: RACERS / 2 }), ...named('api', 1, {})], say },
      async (world) => {
        const beginnings = watchBeginnings(world);
        const answers = await race(memberNamed(world, 'api-1'), beginnings, say);
        await beginnings.stop();
        const unfinished = async () =>
          (await world.db.query('SELECT 1 FROM jobs WHERE completed_at IS NULL LIMIT 1')).rows.length;
        await eventually('all have finished', async () => (await unfinished()) === 0);
        const cancelled = [...answers.values()].filter(({ status }) => status === 200).length;
        return { ...(await compare(world, answers, say)), cancelled: (100 * cancelled) / RACES };
      },
    ),
});

async function race(api: Member, beginnings: Beginnings, say: Say): Promise<Answers> {
  const answers = new Map<number, CancelAnswer>();
  let begun = 0;
  const racer = async () => {
    let delayMs = HANDLER_MS;
    while (begun++ < RACES) {
      const jobId = await submitByApi(api, { job_type: 'slow', payload: { ref: 'race', ms: HANDLER_MS } });
      await beginnings.of(jobId);
      await wait(delayMs);
      const answer = await cancelByApi(api, jobId);
      answers.set(jobId, answer);
      delayMs = Math.max(0, delayMs + (answer.status === 200 ? STEP_MS : -STEP_MS));
      if (answers.size % 2_000 === 0)
        say(`${answers.size} races; the last cancel came ${delayMs} ms after its handler began`);
    }
  };
  await Promise.all(Array.from({ length: RACERS }, racer));
  return answers;
}

interface Row {
  readonly id: number;
  readonly status: string;
  readonly attempt: number;
  /** Statuses of its attempts, in their order. */
  readonly history: readonly string[];
}

const READ_ROWS = `
  SELECT j.id, j.status, j.attempt,
         ARRAY(SELECT e.status::text FROM job_executions e WHERE e.job_id = j.id ORDER BY e.attempt) AS history
    FROM jobs j`;

async function compare({ db, ledgerPath }: World, answers: Answers, say: Say) {
  const { rows } = await db.query<Row>(READ_ROWS);
  const disagreeing = rows.filter(({ id, status }) => !agrees(answers.get(id), status));
  // A job that was cancelled before it was claimed has no attempt.
  const winners = rows.filter(({ status, attempt, history }) => {
    const isUnclaimed = status === 'cancelled' && attempt === 0 && history.length === 0;
    return !isUnclaimed && !(attempt === 1 && history.length === 1 && history[0] === status);
  });
  const attempts = new Map(rows.map(({ id, attempt }) => [id, attempt]));
  const effects = await readLedger(ledgerPath);
  const begun = new Set<number>();
  const afterwards = effects.filter(({ jobId, attempt }) => {
    const isRight = attempts.get(jobId) === attempt && !begun.has(jobId);
    begun.add(jobId);
    return !isRight;
  });
  for (const { id, status, history } of [...disagreeing, ...winners].slice(0, 5))
    say(
      `job ${id} is ${status}, with ${history.join(', ') || 'no attempt'}; ${JSON.stringify(answers.get(id))}`,
    );
  return { disagreeing: disagreeing.length, winners: winners.length, afterwards: afterwards.length };
}

function agrees(answer: CancelAnswer | undefined, status: string): boolean {
  if (answer?.status === 200) return status === 'cancelled';
  // Somebody else held the row: nothing was cancelled, and the answer said so.
  const isRefused = answer?.status === 409 && ['already_finished', 'busy'].includes(answer.code ?? '');
  return isRefused && status === 'completed';
}
