/**
 * What the benchmark asks of a job system; one file beside this one per system, in its best documented configuration.
 *
 * @typedef {{ postgresUrl: string, redisUrl: string }} Servers
 * @typedef {{ n: number, to: string }} Payload
 * @typedef {'normal' | 'urgent'} Rank What an urgent job overtakes, and what overtakes it; undefined: the system's default.
 * @typedef {'drain' | 'idle' | 'steady' | 'slots'} Profile
 *   a backlog of jobs that do nothing; one job at a time; 1,000 jobs/s; 100 slots for handlers that take their time
 *
 * @typedef {object} System
 * @property {(servers: Servers) => Promise<void>} setUp Creates its tables.
 * @property {(servers: Servers) => Promise<Producer>} openProducer
 * @property {(servers: Servers, options: WorkerOptions) => Promise<{ close(): Promise<void> }>} openWorker
 * @property {(servers: Servers) => Promise<Inspector>} openInspector
 *
 * @typedef {object} Producer
 * @property {(payload: Payload, rank?: Rank) => Promise<unknown>} submitOne Resolves when the job is stored.
 * @property {(payloads: Payload[], rank?: Rank) => Promise<unknown>} submitMany
 * @property {() => Promise<unknown>} close
 *
 * @typedef {object} WorkerOptions
 * @property {Profile} profile
 * @property {(payload: Payload) => Promise<void> | void} handle
 * @property {number} [retentionMs] Of Holdfast alone.
 *
 * @typedef {object} Inspector
 * @property {() => Promise<boolean>} hasUnfinished Whether a job is stored that is not recorded as done.
 * @property {() => Promise<boolean>} [looksBusy] The same for next to nothing, when every job has run. Where there is none,
 *   `hasUnfinished` costs next to nothing.
 * @property {() => Promise<unknown>} empty Removes all jobs, finished ones too.
 * @property {() => Promise<unknown>} close
 */
export const QUEUE = 'bench';
export const SLOTS = 100;
