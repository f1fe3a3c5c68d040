import type { ServerEvent } from '../../client/read-events.js';
import { coloured, colourOfState } from '../../output/colours.js';
import { shownJson } from '../../output/print.js';
import { createBar } from '../../output/progress.js';
import { harmless, oneLine } from '../../output/text.js';
import { localTime, relative } from '../../output/times.js';
import type { LogLine } from './job.js';

/** Tells events of a job: to scripts one line each, to people with a bar of its progress. */
export interface Story {
  tell(event: ServerEvent): void;
  end(): void;
}

export async function createStory(isJson: boolean): Promise<Story> {
  if (isJson) return { tell: (event) => console.log(JSON.stringify(event)), end: () => undefined };
  const bar = process.stdout.isTTY ? await openBar() : undefined;
  const say = (line: string) => (bar ? bar.say(line) : console.log(line));
  return {
    tell({ event, data }) {
      if (event !== 'progress') for (const line of describeEvent(event, data)) say(line);
      else if (bar) bar.show(Number(data.percent));
      else say(stamped(`progress ${Number(data.percent)} %`));
    },
    end: () => bar?.end(),
  };
}

/** Below the lines, from the first progress on: taken away for each line, and back with the next progress. */
async function openBar() {
  const bar = await createBar('{bar} {percentage} %', process.stdout);
  const end = () => {
    if (bar.isActive) bar.stop();
  };
  return {
    say(line: string) {
      end();
      console.log(line);
    },
    show(percent: number) {
      if (bar.isActive) bar.update(percent);
      else bar.start(100, percent);
    },
    end,
  };
}

type Data = ServerEvent['data'];

function describeEvent(event: string, data: Data): string[] {
  if (event === 'logs') return describeLogs(data);
  if (event === 'status') return describeStatus(data);
  return [];
}

const stamped = (text: string, at = new Date()): string =>
  `${coloured(localTime(at).slice(11), 'grey')}  ${text}`;

function describeLogs({ attempt, status, error_message: error, lines }: Data): string[] {
  const logged = (lines as readonly LogLine[]).map(({ at, level, message }) =>
    stamped(`  ${level} ${harmless(message)}`, new Date(at)),
  );
  const outcome = `attempt ${Number(attempt)} ${coloured(String(status), colourOfState(String(status)))}`;
  const why = typeof error === 'string' ? `: ${oneLine(error)}` : '';
  return [...logged, stamped(outcome + why)];
}

function describeStatus({ status, attempt, scheduled_at: due, result }: Data): string[] {
  const word = coloured(String(status), colourOfState(status === 'pending' ? 'ready' : String(status)));
  const isLater = status === 'pending' && typeof due === 'string' && Date.parse(due) > Date.now();
  const tail = isLater
    ? `, due ${relative(due)}`
    : status === 'running'
      ? `, attempt ${Number(attempt)}`
      : '';
  const shown = status === 'completed' && result !== null ? [shownJson(result)] : [];
  return [stamped(word + tail), ...shown];
}
