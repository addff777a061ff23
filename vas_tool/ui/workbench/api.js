// @ts-check
// Talking to the server. What a person does is sent one POST at a time, in order, and kept until it is answered:
// a lost connection delays it, nothing drops it.
/** @import { Address, Answer, Args, Click, DoneAnswer, Handle, Listener, Queued, RefusedAnswer, StreamEvent } from "./types.d.ts" */

const RETRY_MS = [300, 800, 1500, 3000, 5000];
const DO_TIMEOUT_MS = 60000;
const GATEWAY_STATUS = [502, 503, 504]; // a tunnel or proxy whose far end is away: the same as no connection
const GONE_STATUS = [401, 404]; // another secret, or another run of the server: a reload says which

/** @type {(ms: number) => Promise<void>} */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The server knows no such session: it was restarted. */
export class GoneError extends Error {}

/** Nobody answered. */
export class LostError extends Error {}

/** @param {string} url @param {RequestInit} options */
async function fetchOrLost(url, options) {
  const response = await fetch(url, options).catch((error) => {
    if (options.signal?.aborted && error.name === "AbortError") throw error;
    throw new LostError(`no answer from the server (${error.message})`);
  });
  if (GATEWAY_STATUS.includes(response.status)) throw new LostError(`no answer from the server (${response.status})`);
  return response;
}

/**
 * Throw for an answer that is none: in the server's own words, where it has some.
 * @param {Response} response
 * @param {string} otherwise
 */
async function refuse(response, otherwise) {
  if (GONE_STATUS.includes(response.status)) throw new GoneError(otherwise);
  if (response.ok) return;
  const answer = await response.json().catch(() => null);
  throw new Error(typeof answer?.detail === "string" ? answer.detail : otherwise);
}

/**
 * Server-sent events as they arrive: the JSON of each, null for a comment.
 * @param {ReadableStream<BufferSource>} body
 * @returns {AsyncGenerator<StreamEvent | null>}
 */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read().catch((error) => { throw new LostError(error.message); });
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) yield event.startsWith("data: ") ? JSON.parse(event.slice(6)) : null;
  }
}

export class Api {
  /**
   * @param {Address} address
   * @param {Listener} on  what to do with what comes back
   */
  constructor({ token, base }, on) {
    this.root = `${base}/api/${token}`;
    this.on = on;
    /** @type {Queued[]} */
    this.queue = [];
    this.sending = false;
    this.seq = 0;
    this.order = 0;
    this.misses = 0; // requests without an answer since the last one that had one
    this.closed = false;
    // With `seq` it lets the server recognise an action whose answer got lost and which is therefore sent again.
    this.client = Math.random().toString(36).slice(2, 10);
  }

  close() {
    this.closed = true;
    this.queue.length = 0;
  }

  /** @param {string} path */
  url(path) {
    return `${this.root}/${path}`;
  }

  /** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
  async getJson(path, signal) {
    const response = await fetchOrLost(this.url(path), { signal, cache: "no-store" });
    await refuse(response, `${path}: the server answered ${response.status}`);
    this.reached();
    return response.json();
  }

  /**
   * Receive the state after every change, as long as the server and the page exist. Throws when the connection ends.
   * `onEvent` is called at each event of the server, at least every few seconds.
   * @param {AbortSignal} signal
   * @param {() => void} onEvent
   */
  async listen(signal, onEvent) {
    const since = this.on.since();
    const path = since === null ? "events" : `events?since=${since}`;
    const response = await fetchOrLost(this.url(path), { signal, cache: "no-store" });
    await refuse(response, `${path}: the server answered ${response.status}`);
    if (!response.body) throw new LostError("the answer has no body");
    for await (const event of eventsOf(response.body)) {
      if (this.closed) return;
      onEvent();
      this.reached();
      if (event?.state) this.on.state(event.state, ++this.order);
      if (event?.error) this.on.trouble(event.error);
    }
    throw new LostError("the server has ended the connection");
  }

  /**
   * Queue an action. `build` is called when its turn comes, so it can name an object that an earlier action makes;
   * `settle` gets the answer ({ok: true | false, …}, or null when the session is gone) before the next one is built.
   * `handle` is the object it is about, `click` the one it removes: a reload keeps them (see kept.js).
   * @param {string} action
   * @param {() => Args} build
   * @param {{settle: Queued["settle"], handle?: Handle | null, click?: Click | null}} how
   */
  do(action, build, { settle, handle = null, click = null }) {
    const last = this.queue.at(-1);
    if (action === "place" && last?.action === "place" && !last.started) this.queue.pop(); // only the last place counts
    this.queue.push({ action, build, settle, handle, click, started: false });
    this.on.queue();
    this.pump();
  }

  /** How many things a person did still wait for their answer. */
  get waiting() {
    return this.queue.filter((item) => item.action !== "place").length;
  }

  async pump() {
    if (this.sending) return;
    this.sending = true;
    while (this.queue.length && !this.closed) {
      const item = this.queue[0];
      item.started = true;
      const answer = await this.deliver(item);
      this.queue.shift();
      if (this.closed) break;
      item.settle(answer);
      this.on.queue();
    }
    this.sending = false;
  }

  /** @param {Queued} item @returns {Promise<Answer | null>} */
  async deliver(item) {
    const order = ++this.order;
    const body = { action: item.action, seq: ++this.seq, client: this.client, since: this.on.since(), ...item.build() };
    for (let attempt = 0; !this.closed; attempt++) {
      try {
        return await this.post(body, order);
      } catch (error) {
        if (error instanceof GoneError) {
          this.on.gone();
          return null;
        }
        if (!(error instanceof LostError)) return { ok: false, error: error instanceof Error ? error.message : String(error) };
        this.missed();
        await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
      }
    }
    return null;
  }

  /** @param {{action: string}} body @param {number} order @returns {Promise<Answer>} */
  async post(body, order) {
    const response = await fetchOrLost(this.url("do"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DO_TIMEOUT_MS),
    });
    await refuse(response, `“${body.action}” failed: the server answered ${response.status}. Its log says why.`);
    /** @type {Omit<DoneAnswer, "order"> | RefusedAnswer} */
    const answer = await response.json();
    this.reached();
    return answer.ok ? { ...answer, order } : answer;
  }

  /** Send without waiting for an answer: the page is going away. @param {string} action @param {Args} args */
  farewell(action, args) {
    const body = JSON.stringify({ action, seq: ++this.seq, client: this.client, since: this.on.since(), ...args });
    fetch(this.url("do"), { method: "POST", headers: { "content-type": "application/json" }, body, keepalive: true })
      .catch(() => {}); // nobody is left to tell
  }

  missed() {
    this.misses++;
    this.on.lost(this.waiting);
  }

  get isLost() {
    return this.misses > 0;
  }

  reached() {
    if (!this.isLost) return;
    this.misses = 0;
    this.on.back();
  }
}
