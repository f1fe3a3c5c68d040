/** What passes between a process and the supervisor of its servers, as JSON over the IPC channel. */

/** A user other than root, for a program that refuses to run as root. */
export interface UnixUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly user: UnixUser | null;
  /** The file its output is appended to. */
  readonly log: string;
  /** What ends it fastest when nothing of it is to be kept. */
  readonly lastSignal: NodeJS.Signals;
}

export type SupervisorRequest = { readonly id: number } & SupervisorCommand;

export type SupervisorCommand =
  | { readonly kind: 'start'; readonly program: Program }
  | {
      readonly kind: 'stop';
      readonly name: string;
      readonly signal: NodeJS.Signals;
      readonly limitMs: number;
    }
  | { readonly kind: 'end' };

export type SupervisorMessage =
  | { readonly kind: 'ready'; readonly directory: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: number }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }
  | ({ readonly kind: 'exited'; readonly pid: number } & ExitStatus);

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
