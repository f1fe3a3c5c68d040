import { randomBytes } from 'node:crypto';
import type { Servers } from '../../servers/start-servers.js';
import { startLocalHttp, startMailSink, type LocalHttp, type MailSink } from './local-services.js';
import { writeSampleFiles, type SampleFile } from './sample-files.js';
import { CONCURRENCY, startHoldfast, startWorker, type Holdfast, type Stage } from './start-holdfast.js';

/** All that the jobs need, up and running. */
export interface Scene extends Holdfast {
  readonly queue: string;
  readonly files: readonly SampleFile[];
  readonly http: LocalHttp;
  readonly sink: MailSink;
}

export async function setTheScene(servers: Servers, stage: Stage): Promise<Scene> {
  const { undo, say, directory } = stage;
  const holdfast = await startHoldfast(servers, stage);
  const queue = queueFor(servers);
  undo.add('the jobs left over', () => cancelLeftOvers(holdfast, queue));
  const files = await writeSampleFiles(directory);
  const http = await startLocalHttp(directory);
  undo.add('the local HTTP server', () => http.close());
  const sink = await startMailSink();
  undo.add('the local mail server', () => sink.close());
  await startWorker(holdfast, { queue, filesDirectory: directory, mailUrl: sink.url }, undo);
  stage.signal.throwIfAborted();
  say(
    `Holdfast: API, coordinator and a worker with ${CONCURRENCY} slots in this process, on ${holdfast.api.url}`,
  );
  return { ...holdfast, queue, files, http, sink };
}

/** On somebody's own PostgreSQL other workers, and another demo, may serve a queue with a plain name. */
function queueFor({ postgres }: Servers): string {
  return postgres.source === 'given' ? `demo-${randomBytes(3).toString('hex')}` : 'demo';
}

/** After a Ctrl-C no worker will ever come for these. */
async function cancelLeftOvers({ installation }: Holdfast, queue: string): Promise<void> {
  await installation.db.query(
    `SELECT cancel_job(id, 'the demo was stopped') FROM jobs WHERE queue = $1 AND completed_at IS NULL`,
    [queue],
  );
}
