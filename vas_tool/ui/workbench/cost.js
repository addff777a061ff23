// What completing the chosen object would cost, told before anybody starts it.

const AFTER_MS = 500; // a person who clicks on does not ask yet

export class CostLine {
  constructor({ root, store }) {
    Object.assign(this, { store });
    this.line = root.querySelector('[data-testid="cost"]');
    this.api = null;
    this.asked = "";
    this.words = "";
  }

  clear() {
    clearTimeout(this.timer);
    this.asked = this.words = "";
  }

  render() {
    const { store } = this;
    const { id } = store.chosen;
    const key = `${id}/${store.version}`;
    const idle = this.api && store.chosenObject && !store.jobRuns;
    if (store.jobRuns) this.clear(); // what was to be made is made when it ends
    if (idle && key !== this.asked) {
      this.asked = key;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(id, key), AFTER_MS);
    }
    const shown = idle && this.words ? `A would make ${this.words}` : "";
    if (this.line.textContent !== shown) this.line.textContent = shown;
  }

  async ask(id, key) {
    const { store } = this;
    // What waits may delete the object or start what was to be told of: then it is asked for anew when that is done.
    if (store.waiting || !store.object(id) || this.api?.isLost !== false) return void (this.asked = "");
    try {
      const { words } = await this.api.getJson(`cost?object_id=${id}`);
      if (key !== this.asked) return;
      this.words = words;
    } catch {
      this.words = ""; // the connection line says so
    }
    this.render();
  }
}
