// Talking to the server. What a person does is sent one POST at a time, in order, and kept until it is answered:
// a lost connection delays it, nothing drops it.

const RETRY_MS = [300, 800, 1500, 3000, 5000];
const STATE_TIMEOUT_MS = 15000;
const DO_TIMEOUT_MS = 60000;
const GATEWAY_STATUS = [502, 503, 504]; // a tunnel or proxy whose far end is away: the same as no connection
const GONE_STATUS = [401, 404]; // another secret, or another run of the server: a reload says which

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The server knows no such session: it was restarted. */
export class GoneError extends Error {}

/** Nobody answered. */
export class LostError extends Error {}

async function fetchOrLost(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (options?.signal?.aborted && error.name === "AbortError") throw error;
    throw new LostError(`no answer from the server (${error.message})`);
  }
  if (GATEWAY_STATUS.includes(response.status)) throw new LostError(`no answer from the server (${response.status})`);
  return response;
}

/** What the server says of its failure, or `otherwise`. */
async function wordsOf(response, otherwise) {
  const answer = await response.json().catch(() => null);
  return typeof answer?.detail === "string" ? answer.detail : otherwise;
}

export class Api {
  /**
   * @param {{token: string, base: string}} address
   * @param {{since: () => number|null, state: (state, order: number) => void, lost: (waiting: number) => void,
   *          back: () => void, gone: () => void, queue: () => void}} on  what to do with what comes back
   */
  constructor({ token, base }, on) {
    this.root = `${base}/api/${token}`;
    this.on = on;
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

  url(path) {
    return `${this.root}/${path}`;
  }

  async getJson(path, signal) {
    const response = await fetchOrLost(this.url(path), { signal, cache: "no-store" });
    if (GONE_STATUS.includes(response.status)) throw new GoneError(`${path} is not on the server`);
    if (!response.ok) throw new Error(await wordsOf(response, `${path}: the server answered ${response.status}`));
    this.reached();
    return response.json();
  }

  /** Ask for the state; the whole of it when nothing is known yet. */
  async state() {
    const order = ++this.order;
    const since = this.on.since();
    const path = since === null ? "state" : `state?since=${since}`;
    const state = await this.getJson(path, AbortSignal.timeout(STATE_TIMEOUT_MS));
    if (!this.closed) this.on.state(state, order);
    return state;
  }

  /**
   * Queue an action. `build` is called when its turn comes, so it can name an object that an earlier action makes;
   * `settle` gets the answer ({ok: true | false, …}, or null when the session is gone) before the next one is built.
   * `handle` is the object it is about, `click` the one it removes: a reload keeps them (see kept.js).
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
        if (!(error instanceof LostError)) return { ok: false, error: error.message };
        this.missed();
        await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
      }
    }
    return null;
  }

  async post(body, order) {
    const response = await fetchOrLost(this.url("do"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DO_TIMEOUT_MS),
    });
    if (GONE_STATUS.includes(response.status)) throw new GoneError("do");
    if (!response.ok) throw new Error(await wordsOf(response, `“${body.action}” failed: the server answered ${response.status}. Its log says why.`));
    const answer = await response.json();
    this.reached();
    answer.order = order;
    return answer;
  }

  /** Send without waiting for an answer: the page is going away. */
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
