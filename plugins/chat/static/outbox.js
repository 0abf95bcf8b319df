// Messages on their way, and those not finished: both survive a reload of the page.
import { bus, uuid } from '@offhook/bus';

function read(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key));
  } catch {
    return null; // storage is denied in this frame, or holds something else
  }
}

function write(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // without storage the words live as long as the page
  }
}

export class Drafts {
  constructor(session) {
    this.key = `offhook:chat:draft:${session}`;
  }

  get text() {
    const found = read(this.key);
    return typeof found === 'string' ? found : '';
  }

  set text(text) {
    write(this.key, text || null);
  }
}

export class Outbox {
  items = []; // {id, text, at, state: 'sending' | 'failed', why}

  constructor(session, onChange) {
    this.topic = `session:${session}`;
    this.key = `offhook:chat:outbox:${session}`;
    this.onChange = onChange;
  }

  /** Send again what a former life of this page was not told the end of. */
  resume() {
    const found = read(this.key);
    for (const item of Array.isArray(found) ? found : []) {
      this.items.push(item);
      if (item.state === 'sending') this.#send(item);
    }
    if (this.items.length) this.onChange();
  }

  post(text) {
    const item = { id: uuid(), text, at: bus.now(), state: 'sending', why: '' };
    this.items.push(item);
    this.#send(item);
    this.#changed();
  }

  /** Under the same id: if it did arrive after all, it is not kept twice. */
  retry(item) {
    item.state = 'sending';
    this.#send(item);
    this.#changed();
  }

  discard(item) {
    this.items = this.items.filter(other => other !== item);
    this.#changed();
  }

  /** One of our own came back as an event; its acknowledgement may still be on the way. */
  arrived(event) {
    const shown = event.data.text;
    const item = this.items.find(one => one.state === 'sending' && one.text.trim() === shown);
    if (item) this.discard(item);
  }

  async #send(item) {
    try {
      await bus.send('chat.message', this.topic, { text: item.text }, { id: item.id });
      this.discard(item);
    } catch (error) {
      Object.assign(item, { state: 'failed', why: error.code === error.message ? '' : error.message });
      if (!this.items.includes(item)) this.items.push(item);
      this.#changed();
    }
  }

  #changed() {
    write(this.key, this.items.length ? this.items : null);
    this.onChange();
  }
}
