import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { numberOrText } from '../../input/option-values.js';
import { printJson } from '../../output/print.js';
import { inZone } from '../../output/times.js';
import { addRuleOptions, readRule, type RuleOptions } from './schedule-fields.js';

interface PreviewOptions extends ClientOptions, RuleOptions {
  readonly count?: number | string;
}

export function addPreviewSchedule(schedules: Command): void {
  const command = schedules
    .command('preview')
    .summary('when would a rule fire?')
    .description('Shows when a rule would fire. Nothing is saved.');
  addRuleOptions(command).option('--count <number>', 'so many fires', numberOrText);
  addClientOptions(
    command,
    `$ holdfast schedules preview --cron '30 2 * * *' --timezone Europe/Berlin
     $ holdfast schedules preview --every 90m --count 3`,
  ).action(previewSchedule);
}

async function previewSchedule(options: PreviewOptions): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.post<{ fires: string[]; timezone: string }>('/api/schedules/preview', {
      ...readRule(options),
      count: options.count,
    });
    if (options.json) return printJson(answer);
    if (answer.fires.length === 0) return console.log('it never fires');
    for (const time of answer.fires) console.log(inZone(time, answer.timezone));
  });
}
