/**
 * Every key that Holdfast has in Redis. All keys of a queue share its hash tag, so that scripts may touch them together
 * in a Cluster; the installation's id keeps two installations on one Redis apart.
 */
export interface QueueKeys {
  /** `job:{1a2b3c4d:default}`; the scripts derive the others from it in the same way. */
  readonly base: string;
  /** At most one id: wakes a blocked worker. */
  readonly handoff: string;
  /** Sorted set of the priorities in use. */
  readonly lanes: string;
  /** Ids of jobs that were lost with their worker more than once. */
  readonly suspects: string;
  /** What workers that wait let submitters do; see offers.ts. */
  readonly offers: string;
  /** Set of worker ids that have, or had, a processing list. */
  readonly owners: string;
  /** Present unless Redis forgot, or the queue is new; `partly` while its lanes are not filled. See lane-contents.ts. */
  readonly epoch: string;
  /** There while a look at PostgreSQL by a worker of these job types counts for all others of the same. */
  looked(jobTypes: string): string;
  lane(priority: number): string;
  processing(workerId: string): string;
}

export interface KeySpace {
  /** Default `job:`. */
  readonly prefix: string;
  readonly installationId: string;
}

export function queueKeys({ prefix, installationId }: KeySpace, queue: string): QueueKeys {
  const base = `${prefix}{${installationId}:${queue}}`;
  return {
    base,
    handoff: `${base}:handoff`,
    lanes: `${base}:lanes`,
    suspects: `${base}:suspects`,
    offers: `${base}:offers`,
    owners: `${base}:owners`,
    epoch: `${base}:epoch`,
    looked: (jobTypes) => `${base}:looked:${jobTypes}`,
    lane: (priority) => `${base}:lane:${priority}`,
    processing: (workerId) => `${base}:processing:${workerId}`,
  };
}

/**
 * Counts the requests of a caller. Together with the id of the installation in one hash tag, so that callers are spread
 * over a Cluster; a queue's name has no colon.
 */
export const rateKey = ({ prefix, installationId }: KeySpace, caller: string): string =>
  `${prefix}{${installationId}:rate:${caller}}`;

/**
 * What the names of the channels begin with on which workers hear of jobs that submitters claimed for them. A worker's id and the
 * number of its connection follow: what it offered over one that has ended reaches nobody.
 */
export const assignedChannels = ({ prefix, installationId }: KeySpace): string =>
  `${prefix}{${installationId}}:assigned:`;
