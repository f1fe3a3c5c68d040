import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { coloured } from '../../output/colours.js';
import { printDetails, printJson, printTitle, shownJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { countOf, harmless } from '../../output/text.js';
import { exact, inZone, relative } from '../../output/times.js';
import { describeRule, describeState, STATE_COLOURS, type Fire, type ScheduleDetail } from './schedule.js';

export function addShowSchedule(schedules: Command): void {
  const command = schedules
    .command('show')
    .summary('show a schedule: its next fires, and what became of the last ones')
    .description('Shows a schedule: its rule, its next fires, and what became of the last ones.')
    .argument('<name>', 'the schedule');
  addClientOptions(
    command,
    `$ holdfast schedules show nightly
     $ holdfast schedules show nightly --json | jq '.schedule.next_fires[0]'`,
  ).action(showSchedule);
}

async function showSchedule(name: string, options: ClientOptions): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.get<{ schedule: ScheduleDetail }>(apiPath`/api/schedules/${name}`);
    if (options.json) return printJson(answer);
    const { schedule } = answer;
    printSchedule(schedule);
    printTitle('Next fires');
    for (const time of schedule.next_fires) console.log(`  ${inZone(time, schedule.timezone)}`);
    if (schedule.next_fires.length === 0) console.log('  none');
    if (schedule.recent_fires.length === 0) return;
    printTitle('Last fires');
    await printTable(schedule.recent_fires, COLUMNS, 'none');
  });
}

function printSchedule(schedule: ScheduleDetail): void {
  const state = describeState(schedule);
  printDetails([
    ['Schedule', harmless(schedule.name)],
    ['State', coloured(state, STATE_COLOURS[state])],
    ['Fault', schedule.last_error && harmless(schedule.last_error)],
    ['When', describeRule(schedule)],
    ['From', schedule.starts_at && exact(schedule.starts_at)],
    ['Until', schedule.ends_at && exact(schedule.ends_at)],
    ['Submits', `${harmless(schedule.job_type)} to ${schedule.queue}, priority ${schedule.priority}`],
    ['Payload', shownJson(schedule.payload)],
    ['Missed fires', describeMisfire(schedule)],
    ['Overlap', schedule.overlap_policy],
    ['Last fire', schedule.last_run_at && exact(schedule.last_run_at)],
    ['Last job', schedule.last_job_id],
    ['Created by', schedule.created_by && harmless(schedule.created_by)],
  ]);
}

const describeMisfire = ({ misfire_policy: policy, max_catch_up: most }: ScheduleDetail): string =>
  policy === 'catch_up' ? `catch_up, ${most} at most` : policy;

const describeOutcome = ({ outcome, is_manual: isManual, missed }: Fire): string =>
  outcome + (isManual ? ', by hand' : missed === null ? '' : `, ${countOf(missed, 'time')}`);

const COLUMNS: readonly Column<Fire>[] = [
  { title: 'FOR', text: ({ scheduled_for: at }) => exact(at) },
  { title: 'FIRED', text: ({ fired_at: at }) => relative(at) },
  { title: 'OUTCOME', text: describeOutcome },
  { title: 'JOB', text: ({ job_id: id }) => String(id ?? '-'), align: 'right' },
];
