import type { Command } from 'commander';
import { addCancelJobs } from './cancel-jobs.js';
import { addListJobs } from './list-jobs.js';
import { addRetryJobs } from './retry-jobs.js';
import { addShowJob } from './show-job.js';
import { addWatchJob } from './watch-job.js';

export function addJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .alias('job')
    .summary('list, show, cancel, retry and watch jobs')
    .description('Looks at jobs and changes them.')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast jobs list --status failed
  $ holdfast jobs show 42
  $ holdfast jobs retry --status failed --queue mail`,
    );
  for (const add of [addListJobs, addShowJob, addWatchJob, addCancelJobs, addRetryJobs]) add(jobs);
}
