/** A map that forgets what was used longest ago once its contents weigh more than `limit`. */
export class Lru {
  /** @param {number} limit total weight kept  @param {(value) => void} [dispose] called for everything dropped */
  constructor(limit, dispose = () => {}) {
    this.limit = limit;
    this.dispose = dispose;
    this.weight = 0;
    this.items = new Map();
  }

  has(key) {
    return this.items.has(key);
  }

  get(key) {
    const item = this.items.get(key);
    if (!item) return undefined;
    this.items.delete(key); // re-inserting makes it the newest: a Map keeps insertion order
    this.items.set(key, item);
    return item.value;
  }

  set(key, value, weight = 1) {
    this.delete(key);
    this.items.set(key, { value, weight });
    this.weight += weight;
    for (const oldest of this.items.keys()) {
      if (this.weight <= this.limit || oldest === key) break;
      this.delete(oldest);
    }
  }

  delete(key) {
    const item = this.items.get(key);
    if (!item) return;
    this.items.delete(key);
    this.weight -= item.weight;
    this.dispose(item.value);
  }

  clear() {
    for (const key of [...this.items.keys()]) this.delete(key);
  }
}
