/**
 * A long-lived part of a process.
 *
 * `start` settles when the part runs; `stop` settles when it has drained. Both may be called any number of
 * times; a `start` that fails leaves nothing behind.
 */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts services in order as one service and stops them in the reverse order.
 * When one fails to start, those already running are stopped before the error is thrown.
 */
export function composeServices(name: string, services: readonly Service[]): Service {
  let running: Service[] = [];

  async function stop(): Promise<void> {
    const toStop = running.reverse();
    running = [];
    const failures: unknown[] = [];
    for (const service of toStop) {
      await service.stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, `${name}: not every part stopped cleanly`);
  }

  async function start(): Promise<void> {
    if (running.length > 0) return;
    try {
      for (const service of services) {
        await service.start();
        running.push(service);
      }
    } catch (error) {
      await stop().catch(() => undefined);
      throw error;
    }
  }

  return { name, start, stop };
}
