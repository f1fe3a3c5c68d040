/**
 * PostgreSQL's backends each lead a session of their own, so a signal to a process group does not reach them:
 * the tree has to be walked. Plain JavaScript, because the supervisor runs without a loader.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

/** @typedef {{ pid: number, parent: number, isZombie: boolean }} ProcessEntry */

/** @param {string} pid @returns {ProcessEntry[]} */
function readProcEntry(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name, in parentheses, may itself hold spaces and parentheses: read on from the last one.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [{ pid: Number(pid), parent: Number(parent), isZombie: state === 'Z' || state === 'X' }];
  } catch {
    return []; // It ended between the listing and the read.
  }
}

/** @returns {ProcessEntry[]} */
function listProcesses() {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap(readProcEntry);
  }
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' });
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, state]) => ({
      pid: Number(pid),
      parent: Number(parent),
      isZombie: state?.startsWith('Z') === true,
    }));
}

/** @param {number} pid @param {NodeJS.Signals} signal */
export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already, which is what every caller wants in the end.
  }
}

/** @param {number} root @returns {number[]} */
export function listDescendants(root) {
  const entries = listProcesses();
  /** @param {number} parent @returns {number[]} */
  const below = (parent) =>
    entries.filter((entry) => entry.parent === parent).flatMap((entry) => [entry.pid, ...below(entry.pid)]);
  return below(root);
}

/** A zombie counts as gone: it holds no file, port or memory, and who reaps it is not ours to say. @param {number} pid */
export function isRunning(pid) {
  return listProcesses().some((entry) => entry.pid === pid && !entry.isZombie);
}

/**
 * The shared memory a PostgreSQL process has mapped: files, and the ids of System V segments.
 * @param {number} pid
 */
function listSharedMemory(pid) {
  try {
    const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
    const segments = [...maps.matchAll(/ (\d+) +\/SYSV[0-9a-f]{8} /g)].map(([, id]) => id ?? '');
    return { files: maps.match(/\/dev\/shm\/PostgreSQL\.\d+/g) ?? [], segments };
  } catch {
    return { files: [], segments: [] }; // No /proc here, or the process ended.
  }
}

/**
 * A killed PostgreSQL cannot remove its shared memory, and the next one looks for it only if it gets to run.
 * @param {ReturnType<typeof listSharedMemory>[]} remains
 */
function removeSharedMemory(remains) {
  for (const path of new Set(remains.flatMap(({ files }) => files))) rmSync(path, { force: true });
  for (const id of new Set(remains.flatMap(({ segments }) => segments))) {
    try {
      execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' });
    } catch {
      // Removed already, or there is no ipcrm: 56 bytes stay behind until the machine restarts.
    }
  }
}

/**
 * Kills a process and all below it, and settles when they are gone: a new PostgreSQL refuses to start on the
 * same files while a single old backend is attached to their shared memory.
 * @param {number} root
 */
export async function killTree(root) {
  sendSignal(root, 'SIGSTOP'); // It must not fork between the listing and the kill.
  const pids = [...listDescendants(root), root];
  const sharedMemory = pids.map(listSharedMemory);
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  const deadline = Date.now() + 5_000;
  while (Date.now() < deadline && pids.some(isRunning)) await delay(10);
  removeSharedMemory(sharedMemory);
}
