import type { Service } from '../shared/lifecycle/service.js';

export interface OpenedAtStart<Opened extends Service> extends Service {
  readonly opened: Opened | undefined;
}

/** A service that is composed when it is started: what it needs is not there before. */
export function openAtStart<Opened extends Service>(
  name: string,
  compose: () => Promise<Opened>,
): OpenedAtStart<Opened> {
  let opened: Opened | undefined;
  return {
    name,
    get opened() {
      return opened;
    },
    async start() {
      opened ??= await compose();
      await opened.start();
    },
    async stop() {
      const stopping = opened;
      opened = undefined;
      await stopping?.stop();
    },
  };
}
