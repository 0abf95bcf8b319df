// The card of a session's notices: asks the server for itself again whenever one of them moved.
import { bus } from '@offhook/bus';

const TOPIC = 'notify.deliveries';

customElements.define(
  'notify-card',
  class extends HTMLElement {
    #stop = null;

    connectedCallback() {
      const mine = rows => rows.some(row => row.session === this.dataset.session && !this.#shows(row));
      const refresh = () =>
        this.querySelector('.notify-body')?.dispatchEvent(new CustomEvent('notify-changed'));
      this.#stop = bus.subscribe(TOPIC, {
        onSnapshot: rows => mine(rows) && refresh(),
        onDelta: ({ set = [] }) => mine(set) && refresh(),
      });
    }

    #shows({ id, state }) {
      return this.querySelector(`[data-delivery="${id}"]`)?.dataset.state === state;
    }

    disconnectedCallback() {
      this.#stop?.();
    }
  },
);
