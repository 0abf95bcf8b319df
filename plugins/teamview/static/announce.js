// Saying who came, not too often: what arrives within a moment is one sentence.
import { t, tn } from '@offhook/ui';

const PAUSE_MS = 1500;

export class Arrivals {
  #names = [];
  #timer = null;

  constructor(say) {
    this.say = say;
  }

  add(name) {
    this.#names.push(name);
    this.#timer ??= setTimeout(() => this.#flush(), PAUSE_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#names = [];
  }

  #flush() {
    const names = this.#names;
    this.stop();
    const one = names.length === 1;
    this.say(
      one
        ? t('{name} is waiting now', { name: names[0] })
        : tn('{n} more customer is waiting', '{n} more customers are waiting', names.length),
    );
  }
}
