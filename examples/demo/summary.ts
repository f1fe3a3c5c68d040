import type { DataProcessingResult } from '../../workers/handlers/data-processing.js';
import type { EndedJob, Evidence } from './check-ends.js';
import { SHIPPED_ORDER } from './submit-by-sql.js';
import { shortened, textTable, wrapped } from './text-table.js';

const LINE_LENGTH = 96;

/** What happened, for somebody who sees Holdfast for the first time. */
export function summarize(evidence: Evidence, faults: readonly string[], durationMs: number): string[] {
  const { ended, mix } = evidence;
  const find = (id: number) => ended.find((job) => job.id === id);
  return [
    '',
    headline(ended, faults, durationMs),
    ...totals(ended),
    ...section('By job type', tableByType(ended)),
    ...section('A result', sampleResult(find(mix.sampleId))),
    ...section('The story of a job', story(find(mix.storyId))),
    ...section('Also', otherProofs(evidence)),
    ...section('Dead letters, waiting for a person', deadLetters(ended)),
    ...(faults.length > 0 ? section('NOT as it should be', faults) : []),
  ];
}

const section = (title: string, lines: readonly string[]) => ['', title, ...lines.map((line) => `  ${line}`)];

function headline(ended: readonly EndedJob[], faults: readonly string[], durationMs: number): string {
  const took = `in ${(durationMs / 1_000).toFixed(1)} s`;
  return faults.length === 0
    ? `All ${ended.length} jobs reached the end they should, ${took}.`
    : `${ended.length} jobs ended ${took}, but not all as they should; see below.`;
}

function totals(ended: readonly EndedJob[]): string[] {
  const count = (end: EndedJob['end']) => ended.filter((job) => job.end === end).length;
  const expected = (end: EndedJob['end']) =>
    ended.some((job) => job.end === end && job.expected !== end) ? 'NOT all expected' : 'expected';
  const retried = ended.filter(({ job }) => job.retry_count > 0).length;
  return [
    `  ${count('completed')} completed, ${count('dead letter')} are dead letters (${expected('dead letter')}), ` +
      `${count('cancelled')} was cancelled (${expected('cancelled')}); ${retried} were retried on their way.`,
  ];
}

function tableByType(ended: readonly EndedJob[]): string[] {
  const types = [...new Set(ended.map(({ job }) => job.job_type))].sort();
  const rows = types.map((type) => {
    const ofType = ended.filter(({ job }) => job.job_type === type);
    const count = (end: EndedJob['end']) => ofType.filter((job) => job.end === end).length || '';
    const attempts = ofType.flatMap(({ job }) => job.executions);
    return [
      type,
      ofType.length,
      count('completed'),
      count('dead letter'),
      count('cancelled'),
      attempts.length,
      median(attempts.map((attempt) => attempt.duration_ms)),
    ];
  });
  return textTable([
    ['job type', 'jobs', 'completed', 'dead letters', 'cancelled', 'attempts', 'median ms'],
    ...rows,
  ]);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function sampleResult(sample: EndedJob | undefined): string[] {
  const result = sample?.job.result as DataProcessingResult | null | undefined;
  if (!sample || !result) return ['none'];
  const shown = (value: string | number | null) =>
    shortened(String(typeof value === 'number' ? Math.round(value * 100) / 100 : (value ?? '')), 20);
  const rows = result.columns.map(
    ({ name, type, count, missing, min, max, mean, distinct, top_values: [top] }) => [
      ...[name, type, count, missing, shown(min), shown(max), shown(mean), distinct],
      // The most frequent of values that are all different says nothing.
      top && top.count > 1 ? shown(top.value) : '',
    ],
  );
  const title = `job ${sample.id} data_processing read ${result.source}: ${result.rows} rows in ${result.duration_ms} ms`;
  return [
    title,
    ...textTable([
      ['column', 'type', 'values', 'missing', 'min', 'max', 'mean', 'distinct', 'most often'],
      ...rows,
    ]),
  ];
}

function story(told: EndedJob | undefined): string[] {
  if (!told) return ['none'];
  const { job, end } = told;
  const at = (time: Date) => time.toISOString().slice(11, 23);
  const attempts = job.executions.flatMap(({ attempt, started_at, status, duration_ms, error_message }) => [
    `${at(started_at)}  attempt ${attempt} ${status} after ${duration_ms} ms`,
    ...(error_message === null
      ? []
      : wrapped(error_message, LINE_LENGTH - 14).map((line) => ' '.repeat(14) + line)),
  ]);
  return [
    `job ${job.id} ${job.job_type} ${(job.payload as { url: string }).url}`,
    `${at(job.created_at)}  submitted`,
    ...attempts,
    `and so it is ${end}, after ${job.retry_count} retries`,
  ];
}

function otherProofs({ sink, ended, mix, rolledBackId }: Evidence): string[] {
  const find = (id: number) => ended.find((job) => job.id === id)?.job;
  const [mail] = sink.mails;
  const total = find(mix.totalId)?.result as { cents: number; parts: number } | null;
  const scheduled = find(mix.scheduledId);
  const waitedMs = Number(scheduled?.executions[0]?.started_at) - Number(scheduled?.created_at);
  const cancelled = find(mix.toCancelId);
  const ranMs = cancelled?.executions.at(-1)?.duration_ms ?? 0;
  return [
    `mail: ${sink.mails.length} arrived at the local mail server, such as "${mail?.subject}" to ${mail?.to}`,
    `schedule: job ${mix.scheduledId} was submitted for 3 s later and began after ${(waitedMs / 1_000).toFixed(2)} s`,
    `workflow: one job, ${total?.parts} that waited for it, and one that waited for those and added up: ${(total?.cents ?? NaN) / 100}`,
    `transactions: order ${SHIPPED_ORDER} and its job were committed together, and it ran; job ${rolledBackId} was rolled back and never was`,
    `cancelled: job ${mix.toCancelId} ${cancelled?.job_type} after ${(ranMs / 1_000).toFixed(1)} s of the minute it would have taken (expected)`,
  ];
}

function deadLetters(ended: readonly EndedJob[]): string[] {
  return ended
    .filter(({ end }) => end === 'dead letter')
    .flatMap(({ job, expected, why }) => [
      `job ${job.id} ${job.job_type}, after ${job.executions.length === 1 ? '1 attempt' : `${job.executions.length} attempts`}`,
      ...wrapped(job.error_message ?? '', LINE_LENGTH - 2).map((line) => `  ${line}`),
      expected === 'dead letter' ? `  expected: ${why}` : '  NOT expected',
    ]);
}
