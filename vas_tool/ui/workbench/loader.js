// @ts-check
/** @import { Task } from "./types.d.ts" */
const MAX_PARALLEL = 4; // browsers open six connections to one host; two stay free for clicks and the state
const RETRY_AFTER_MS = 1500;

/** Runs the most wanted loads first, a few at a time, and stops those nobody wants any more. */
export class Loader {
  /** @param {(error: unknown) => void} onFail */
  constructor(onFail) {
    this.onFail = onFail;
    /** @type {Task[]} */
    this.wanted = [];
    /** @type {Map<string, AbortController>} */
    this.running = new Map();
    /** @type {Map<string, number>} key -> when */
    this.failed = new Map();
  }

  /** @param {Task[]} tasks  most wanted first; replaces the last list */
  want(tasks) {
    this.wanted = tasks;
    const keys = new Set(tasks.map((task) => task.key));
    for (const [key, control] of this.running) if (!keys.has(key)) control.abort();
    this.fill();
  }

  clear() {
    this.want([]);
    this.failed.clear();
  }

  fill() {
    while (this.running.size < MAX_PARALLEL) {
      const task = this.wanted.find(({ key }) => !this.running.has(key) && !this.restsAfterFailure(key));
      if (!task) return;
      this.wanted = this.wanted.filter((other) => other !== task);
      this.start(task);
    }
  }

  /** @param {string} key */
  restsAfterFailure(key) {
    return performance.now() - (this.failed.get(key) ?? -Infinity) < RETRY_AFTER_MS;
  }

  /** @param {Task} task */
  async start({ key, run }) {
    const control = new AbortController();
    this.running.set(key, control);
    try {
      await run(control.signal);
      this.failed.delete(key);
    } catch (error) {
      if (!control.signal.aborted) this.failed.set(key, performance.now());
      if (!control.signal.aborted) this.onFail(error);
    }
    if (this.running.get(key) === control) this.running.delete(key);
    this.fill();
  }
}
