import { MOST_JSON_BYTES } from '../jobs/storable-json.js';
import { LONGEST_MS } from '../time/longest.js';

/** Of a queue, or shared by queues. */
export const SLOTS = { from: 1, to: 10_000 };

/**
 * What can be said of a worker. For environment variables config/variables/processes.ts begins higher with some: who writes 5 there means
 * seconds.
 */
export const POLL_INTERVAL_MS = { from: 1, to: LONGEST_MS };
export const HEARTBEAT_INTERVAL_MS = { from: 1, to: LONGEST_MS };
export const DEAD_AFTER_MS = { from: 2, to: LONGEST_MS };
export const SHUTDOWN_TIMEOUT_MS = { from: 0, to: LONGEST_MS };
export const ABORT_GRACE_MS = { from: 0, to: LONGEST_MS };
export const MAX_UNSETTLED = { from: 1, to: 1_000_000 };
export const MAX_RESULT_BYTES = { from: 1, to: MOST_JSON_BYTES };
