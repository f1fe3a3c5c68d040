import type { Command } from 'commander';
import type { ApiClient } from '../../client/api-client.js';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printJson, printLine } from '../../output/print.js';

interface Change {
  readonly verb: string;
  readonly summary: string;
  readonly description: string;
  readonly ask: (client: ApiClient, name: string) => Promise<unknown>;
  /** For people. */
  readonly done: (name: string, answer: unknown) => string;
}

const CHANGES: readonly Change[] = [
  {
    verb: 'enable',
    summary: 'let a schedule fire',
    description: 'Lets a schedule fire, from now on.',
    ask: (client, name) => client.post(apiPath`/api/schedules/${name}/enable`),
    done: (name) => `schedule ${name} is enabled`,
  },
  {
    verb: 'disable',
    summary: 'stop a schedule',
    description:
      'Stops a schedule. It keeps its name and its rule; jobs that it has submitted are not touched.',
    ask: (client, name) => client.post(apiPath`/api/schedules/${name}/disable`),
    done: (name) => `schedule ${name} is disabled`,
  },
  {
    verb: 'run',
    summary: 'submit the job of a schedule now',
    description: 'Submits the job of a schedule now, besides its own fires.',
    ask: (client, name) => client.post(apiPath`/api/schedules/${name}/run`),
    done: (_name, answer) => `job ${(answer as { job_id: number }).job_id} is submitted`,
  },
  {
    verb: 'delete',
    summary: 'delete a schedule',
    description: 'Deletes a schedule. Jobs that it has submitted are not touched.',
    ask: (client, name) => client.delete(apiPath`/api/schedules/${name}`),
    done: (name) => `schedule ${name} is deleted`,
  },
];

/** What needs no more than the schedule's name. */
export function addChangeSchedules(schedules: Command): void {
  for (const { verb, summary, description, ask, done } of CHANGES) {
    const command = schedules
      .command(verb)
      .summary(summary)
      .description(description)
      .argument('<name>', 'the schedule');
    addClientOptions(command, `$ holdfast schedules ${verb} nightly`).action(
      (name: string, options: ClientOptions) =>
        withClient(options, async (client) => {
          const answer = await ask(client, name);
          if (options.json) printJson(answer);
          else printLine(done(name, answer));
        }),
    );
  }
}
