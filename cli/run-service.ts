import { messageOf } from '../shared/errors.js';
import type { Service } from '../shared/lifecycle/service.js';
import type { Logger } from '../shared/observe/logger.js';
import { nextSignal } from './signals.js';

export interface RunOptions {
  readonly logger: Logger;
  /** A stop that takes longer is given up. */
  readonly stopLimitMs: number;
}

/** After an error nobody caught, the process cannot be trusted for long. */
const CRASH_STOP_LIMIT_MS = 10_000;

/**
 * Runs a service until SIGTERM or SIGINT, stops it and ends the process: with 0, or with 1 when that failed.
 *
 * @throws what composing or starting throws
 */
export async function runService(compose: () => Promise<Service>, options: RunOptions): Promise<never> {
  const { logger, stopLimitMs } = options;
  const signal = nextSignal();
  const running: { service?: Service } = {};
  watchForCrash(logger, running);
  const service = await compose();
  running.service = service;
  await service.start();
  logger.info(`${await signal}: stopping; a second signal ends at once`);
  const isStopped = await stopWithin(service, stopLimitMs, logger);
  if (isStopped) logger.info('stopped');
  process.exit(isStopped ? 0 : 1);
}

function watchForCrash(logger: Logger, running: { readonly service?: Service }): void {
  let isCrashing = false;
  const crash = (what: string) => (error: unknown) => {
    logger.error(what, { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined });
    if (isCrashing) return;
    isCrashing = true;
    const { service } = running;
    void (service ? stopWithin(service, CRASH_STOP_LIMIT_MS, logger) : Promise.resolve()).finally(() =>
      process.exit(1),
    );
  };
  process.on('uncaughtException', crash('an error that nobody caught; this process ends'));
  process.on('unhandledRejection', crash('a rejection that nobody handled; this process ends'));
}

async function stopWithin(service: Service, limitMs: number, logger: Logger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not stopped after ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([service.stop(), tooLate]);
    return true;
  } catch (error) {
    const parts = error instanceof AggregateError ? error.errors.map(messageOf) : undefined;
    logger.error('did not stop cleanly', { error: messageOf(error), parts });
    return false;
  } finally {
    clearTimeout(timer);
  }
}
