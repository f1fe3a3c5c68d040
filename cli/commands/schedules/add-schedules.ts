import type { Command } from 'commander';
import { addChangeSchedules } from './change-schedules.js';
import { addListSchedules } from './list-schedules.js';
import { addPreviewSchedule } from './preview-schedule.js';
import { addSaveSchedules } from './save-schedules.js';
import { addShowSchedule } from './show-schedule.js';

export function addSchedules(program: Command): void {
  const schedules = program
    .command('schedules')
    .alias('schedule')
    .summary('jobs that are submitted again and again')
    .description('Looks at schedules, makes them and changes them.')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast schedules create nightly --job-type report --cron '0 3 * * *' --timezone Europe/Paris
  $ holdfast schedules list
  $ holdfast schedules run nightly`,
    );
  const commands = [
    addListSchedules,
    addShowSchedule,
    addPreviewSchedule,
    addSaveSchedules,
    addChangeSchedules,
  ];
  for (const add of commands) add(schedules);
}
