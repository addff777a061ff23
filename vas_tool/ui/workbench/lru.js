// @ts-check
/**
 * A map that forgets what was used longest ago once its contents weigh more than `limit`.
 * @template K, V
 */
export class Lru {
  /**
   * @param {number} limit  total weight kept
   * @param {(value: V) => void} [dispose]  called for everything dropped
   */
  constructor(limit, dispose = () => {}) {
    this.limit = limit;
    this.dispose = dispose;
    this.weight = 0;
    /** @type {Map<K, {value: V, weight: number}>} */
    this.items = new Map();
  }

  /** @param {K} key */
  has(key) {
    return this.items.has(key);
  }

  /** @param {K} key @returns {V | undefined} */
  get(key) {
    const item = this.items.get(key);
    if (!item) return undefined;
    this.items.delete(key); // re-inserting makes it the newest: a Map keeps insertion order
    this.items.set(key, item);
    return item.value;
  }

  /** @param {K} key @param {V} value */
  set(key, value, weight = 1) {
    this.delete(key);
    this.items.set(key, { value, weight });
    this.weight += weight;
    for (const oldest of this.items.keys()) {
      if (this.weight <= this.limit || oldest === key) break;
      this.delete(oldest);
    }
  }

  /** @param {K} key */
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
