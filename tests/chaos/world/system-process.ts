import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

export type Role = 'api' | 'worker' | 'coordinator';

export interface ProcessSpec {
  readonly name: string;
  readonly role: Role;
  /** The command line of `holdfast`, beginning with the entry file. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logFile: string;
}

/** How one life of the process ended. */
export interface ProcessEnd {
  readonly pid: number;
  readonly at: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Somebody of the harness ended it. */
  readonly isAsked: boolean;
  readonly wasReady: boolean;
}

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** What an orchestrator waits before it starts a process again. */
const RESTART_MS = 500;
const READY_MS = 60_000;

/** One process of the system under test. It is started again when it ends, as an orchestrator would. */
export class SystemProcess {
  readonly ends: ProcessEnd[] = [];
  /** Every process id it has had. */
  readonly pids: number[] = [];
  private child: ChildProcess | undefined;
  private isFrozen = false;
  private isAsked = false;
  private isKept = true;
  private ready: Promise<void> = Promise.resolve();

  constructor(readonly spec: ProcessSpec) {}

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** It runs and is not frozen. */
  get isUp(): boolean {
    return this.child !== undefined && !this.isFrozen;
  }

  /** Resolves when it says that it is ready; it may take several lives to get there. */
  start(): Promise<void> {
    this.isKept = true;
    this.launch();
    return this.whenReady();
  }

  async whenReady(): Promise<void> {
    const giveUpAt = Date.now() + READY_MS;
    for (;;) {
      const isReady = await this.ready.then(
        () => true,
        () => false,
      );
      if (isReady && this.child) return;
      if (Date.now() > giveUpAt) throw new Error(`${this.name} was not ready within ${READY_MS} ms`);
      await wait(50);
    }
  }

  /** Sends a signal that ends it, and resolves when it has ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (!child) return;
    this.isAsked = true;
    const ended = once(child, 'exit');
    child.kill(signal);
    if (this.isFrozen) this.resume();
    await ended;
  }

  freeze(): void {
    this.isFrozen = this.child?.kill('SIGSTOP') ?? false;
  }

  resume(): void {
    this.child?.kill('SIGCONT');
    this.isFrozen = false;
  }

  /** Ends it for good. */
  async stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    this.isKept = false;
    await this.end(signal);
  }

  private launch(): void {
    const { args, env, cwd, logFile } = this.spec;
    const child = spawn(process.execPath, ['--import', TSX, ...args], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(logFile, { flags: 'a' });
    this.child = child;
    this.isFrozen = this.isAsked = false;
    const { pid } = child;
    if (pid !== undefined) this.pids.push(pid);
    let wasReady = false;
    this.ready = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          log.write(text);
          if (!/(API|worker|coordinator) ready/.test(text)) return;
          wasReady = true;
          resolve();
        });
      }
      child.once('exit', () => reject(new Error(`${this.name} ended before it was ready`)));
    });
    this.ready.catch(() => undefined);
    child.once('exit', (code, signal) => {
      log.end();
      this.ends.push({ pid: pid ?? 0, at: Date.now(), code, signal, isAsked: this.isAsked, wasReady });
      this.child = undefined;
      this.isFrozen = false;
      if (this.isKept) setTimeout(() => this.isKept && !this.child && this.launch(), RESTART_MS);
    });
  }
}
