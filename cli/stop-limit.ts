import type { Config } from '../config/load-config.js';

/** What the parts of a worker may take beyond the timeouts they are given. */
const MARGIN_MS = 20_000;

/** Handlers may use the whole timeout, and then recording what they returned may again. */
export const workerStopLimitMs = ({ worker }: Config): number => 2 * worker.shutdownTimeoutMs + MARGIN_MS;
