import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import type { ApiClient } from '../../client/api-client.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printJson, printLine } from '../../output/print.js';
import { exact } from '../../output/times.js';
import type { Schedule } from './schedule.js';
import { addScheduleFields, readScheduleFields, type ScheduleFieldOptions } from './schedule-fields.js';

interface SaveOptions extends ClientOptions, ScheduleFieldOptions {}

type Fields = Awaited<ReturnType<typeof readScheduleFields>>;

/** Three ways to say what a schedule is: it must be new; it may be new; some of it is changed. */
export function addSaveSchedules(schedules: Command): void {
  addSave(schedules, 'create', {
    summary: 'make a schedule',
    description: 'Makes a schedule. The name must be new.',
    examples: `$ holdfast schedules create nightly --job-type report --cron '0 3 * * *' --timezone Europe/Paris
               $ holdfast schedules create poll --job-type poll_feed --every 5m --overlap skip --payload '{"feed": 7}'`,
    done: 'created',
    save: (client, name, fields) => client.post('/api/schedules', { name, ...fields }),
  });
  addSave(schedules, 'set', {
    summary: 'make a schedule, or put it in the place of the one of that name',
    description:
      'Makes a schedule, or puts it in the place of the one of that name: what is not said gets its default.',
    examples: `$ holdfast schedules set nightly --job-type report --cron '0 4 * * *'`,
    done: 'set',
    save: (client, name, fields) => client.put(apiPath`/api/schedules/${name}`, fields),
  });
  addSave(schedules, 'update', {
    summary: 'change a part of a schedule',
    description: 'Changes what is said of a schedule, and leaves the rest of it as it is.',
    examples: `$ holdfast schedules update nightly --cron '0 5 * * *'
               $ holdfast schedules update nightly --payload @report.json --misfire catch_up --max-catch-up 10`,
    done: 'changed',
    save: (client, name, fields) => client.patch(apiPath`/api/schedules/${name}`, withOneRule(fields)),
  });
}

/** A schedule with an interval has no expression any more, and the other way round. */
function withOneRule(fields: Fields): object {
  const { cron_expression: cron, interval_ms: interval } = fields;
  if (cron !== undefined && interval === undefined) return { ...fields, interval_ms: null };
  if (interval !== undefined && cron === undefined) return { ...fields, cron_expression: null };
  return fields;
}

interface Save {
  readonly summary: string;
  readonly description: string;
  readonly examples: string;
  readonly done: string;
  readonly save: (client: ApiClient, name: string, fields: Fields) => Promise<{ schedule: Schedule }>;
}

function addSave(
  schedules: Command,
  verb: string,
  { summary, description, examples, done, save }: Save,
): void {
  const command = schedules
    .command(verb)
    .summary(summary)
    .description(description)
    .argument('<name>', 'the schedule');
  addClientOptions(addScheduleFields(command), examples).action(
    async (name: string, options: SaveOptions) => {
      const fields = await readScheduleFields(options);
      await withClient(options, async (client) => {
        const answer = await save(client, name, fields);
        if (options.json) return printJson(answer);
        const next = answer.schedule.next_run_at;
        printLine(`schedule ${name} is ${done}${next === null ? '' : `; it fires ${exact(next)}`}`);
      });
    },
  );
}
