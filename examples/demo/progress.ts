import { Presets, SingleBar } from 'cli-progress';
import type { Counts } from './follow-jobs.js';

export interface ProgressView {
  show(counts: Counts): void;
  /** Leaves the terminal as it was. May be called twice. */
  end(): void;
}

/** A bar for people at a terminal, a line now and then for everything else, such as a log. */
export function createProgressView(total: number, say: (line: string) => void): ProgressView {
  return process.stdout.isTTY ? showBar(total) : showLines(total, say);
}

const BAR =
  '  {bar} {percentage} % {value}/{total} jobs, {running} running, {waiting} waiting, {retried} retried{video}';

function showBar(total: number): ProgressView {
  const bar = new SingleBar(
    { format: BAR, stream: process.stdout, hideCursor: true, barsize: 16, fps: 10 },
    Presets.shades_classic,
  );
  bar.start(total, 0, { running: 0, waiting: total, retried: 0, video: '' });
  return {
    show: ({ finished, ...counts }) => bar.update(finished, { ...counts, video: describeVideo(counts) }),
    end: () => {
      if (bar.isActive) bar.stop();
    },
  };
}

const LINE_EVERY_MS = 2_000;

function showLines(total: number, say: (line: string) => void): ProgressView {
  let saidAt = -Infinity;
  return {
    show(counts) {
      const { finished, running, waiting, retried } = counts;
      if (finished < total && performance.now() - saidAt < LINE_EVERY_MS) return;
      saidAt = performance.now();
      say(
        `  ${finished} of ${total} jobs finished; ${running} running, ${waiting} waiting, ${retried} retried${describeVideo(counts)}`,
      );
    },
    end: () => undefined,
  };
}

const describeVideo = ({ percent }: Pick<Counts, 'percent'>) =>
  percent === undefined ? '' : `, video ${percent} %`;
