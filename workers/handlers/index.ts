import type { AnyJobDefinition } from '../../shared/jobs/define-job.js';
import { DEFAULT_MOST_BYTES } from '../../shared/jobs/storable-json.js';
import { dataProcessingJob, type DataProcessingSettings } from './data-processing.js';
import { emailNotificationJob } from './email-notification.js';
import { createGuardedHttp } from './guarded-http.js';
import { httpRequestJob, type HttpRequestSettings } from './http-request.js';
import type { NetworkPolicy } from './open-agent.js';
import type { EmailSettings } from './open-transport.js';
import { createSmtpSender } from './smtp-sender.js';

export type { DataProcessingSettings, EmailSettings, HttpRequestSettings, NetworkPolicy };

export interface BuiltInJobSettings {
  readonly email?: EmailSettings | undefined;
  readonly data?: DataProcessingSettings | undefined;
  readonly http?: HttpRequestSettings | undefined;
  /** Where `http_request` and `data_processing` may go. */
  readonly network?: NetworkPolicy | undefined;
  /** The largest result, in bytes of JSON: what is larger is cut, and says so. Default 1,048,576 (1 MiB). */
  readonly maxResultBytes?: number | undefined;
}

/** The jobs every worker can run, and the way to close the connections they share once the worker has drained. */
export interface BuiltInJobs {
  readonly jobs: readonly AnyJobDefinition[];
  close(): Promise<void>;
}

/** Email, CSV files, HTTP requests. Close them after the worker that runs them has stopped. */
export function builtInJobs(settings: BuiltInJobSettings = {}): BuiltInJobs {
  const http = createGuardedHttp(settings.network);
  const smtp = createSmtpSender(settings.email ?? {});
  const { maxResultBytes = DEFAULT_MOST_BYTES } = settings;
  return {
    jobs: [
      emailNotificationJob(settings.email?.from, smtp),
      dataProcessingJob(settings.data ?? {}, http, maxResultBytes),
      httpRequestJob(settings.http ?? {}, http, maxResultBytes),
    ],
    async close() {
      await Promise.all([smtp.close(), http.close()]);
    },
  };
}
