/**
 * The parent of the private servers: one small process in a group of its own, so that Ctrl-C in a terminal does
 * not reach the servers before their user has shut down. When the channel to that user closes, for whatever
 * reason (also SIGKILL), it stops the servers and removes their files.
 * Plain JavaScript, because node starts it without a loader, from the source and from `dist` alike.
 */
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { killTree, sendSignal } from './process-tree.js';

/** @typedef {import('./supervisor-protocol.js').SupervisorRequest} SupervisorRequest */
/** @typedef {import('./supervisor-protocol.js').SupervisorMessage} SupervisorMessage */
/** @typedef {import('./supervisor-protocol.js').Program} Program */
/** @typedef {{ pid: number, lastSignal: NodeJS.Signals, exited: Promise<void> }} Child */

/** Nothing of a private server is kept, so its end need not be gentle: this is how long it may take. */
const END_LIMIT_MS = 5_000;

const directory = mkdtempSync(join(process.argv[2] ?? '/tmp', 'holdfast-'));
chmodSync(directory, 0o755); // PostgreSQL may run as another user and has to get through.

/** @type {Map<string, Child>} */
const children = new Map();
let isEnding = false;

/** @param {SupervisorMessage} message */
function send(message) {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** @param {Program} program @returns {Promise<number>} */
async function startProgram({ name, command, args, user, log, lastSignal }) {
  if (isEnding) throw new Error('the supervisor is ending');
  if (children.has(name)) throw new Error(`${name} runs already`);
  const output = openSync(log, 'a');
  const child = spawn(command, args, {
    cwd: directory,
    stdio: ['ignore', output, output],
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  });
  closeSync(output);
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const pid = child.pid ?? 0;
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      children.delete(name);
      send({ kind: 'exited', pid, code, signal });
      resolve();
    });
  });
  children.set(name, { pid, lastSignal, exited });
  // Work that arrived while the end was under way must not outlive it.
  if (isEnding) await killTree(pid);
  return pid;
}

/** @param {Child} child @param {NodeJS.Signals} signal @param {number} limitMs */
async function stopChild(child, signal, limitMs) {
  if (signal === 'SIGKILL') {
    await killTree(child.pid);
  } else {
    sendSignal(child.pid, signal);
    const timer = setTimeout(() => void killTree(child.pid), limitMs);
    await child.exited;
    clearTimeout(timer);
  }
  await child.exited;
}

async function endServers() {
  isEnding = true;
  await Promise.all([...children.values()].map((child) => stopChild(child, child.lastSignal, END_LIMIT_MS)));
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** @param {number} exitCode */
function endAndExit(exitCode) {
  if (isEnding) return;
  void endServers().finally(() => process.exit(exitCode));
}

/** @param {SupervisorRequest} request @returns {Promise<number>} */
async function answer(request) {
  switch (request.kind) {
    case 'start':
      return startProgram(request.program);
    case 'stop': {
      const child = children.get(request.name);
      if (child !== undefined) await stopChild(child, request.signal, request.limitMs);
      return 0;
    }
    case 'end':
      await endServers();
      return 0;
  }
}

process.on('message', (message) => {
  const request = /** @type {SupervisorRequest} */ (message);
  answer(request).then(
    (value) => send({ kind: 'answer', id: request.id, value }),
    (/** @type {unknown} */ error) => send({ kind: 'failed', id: request.id, reason: String(error) }),
  );
});
process.on('disconnect', () => endAndExit(0));
process.on('SIGTERM', () => endAndExit(0));
process.on('SIGINT', () => endAndExit(0));
process.on('SIGHUP', () => endAndExit(0));
process.on('uncaughtException', () => endAndExit(1));

if (process.connected) send({ kind: 'ready', directory });
else endAndExit(0); // Our user was gone before we could listen for its end.
