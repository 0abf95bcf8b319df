// The customer's page: how long he waits, his place, and what state his visit is in.
import { bus } from '@offhook/bus';
import { mmss, t } from '@offhook/ui';

const STATES = { 'core.agent_joined': 'active', 'core.agent_left': 'waiting', 'core.session_ended': 'ended', 'core.customer_arrived': 'waiting' };

class Visit extends HTMLElement {
  connectedCallback() {
    const { session, n } = this.dataset;
    this.timer = setInterval(() => this.#tick(), 1000);
    this.#tick();
    this.stops = [
      bus.subscribe(`session:${session}`, { onEvent: event => this.#event(event) }, { after: Number(n) }),
      bus.subscribe(`place:${session}`, {
        onSnapshot: rows => rows.forEach(row => this.#place(row)),
        onDelta: delta => delta.set?.forEach(row => this.#place(row)),
      }),
    ];
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    for (const stop of this.stops) stop();
  }

  #event({ type, actor }) {
    const state = STATES[type];
    if (!state) return;
    if (type === 'core.agent_joined')
      this.querySelector('[data-attended]').textContent = t('{name} is with you now.', { name: actor.name });
    this.#show(state);
  }

  #show(state) {
    this.dataset.state = state;
    for (const part of this.querySelectorAll('[data-when]')) part.hidden = part.dataset.when !== state;
    const leave = document.querySelector('form.leave');
    if (leave) leave.hidden = state === 'ended';
  }

  #place({ place, expected_s: expected }) {
    this.querySelector('[data-place]').textContent = place ?? '–';
    this.querySelector('[data-expected]').textContent =
      expected == null ? t('not known yet') : t('about {n} min', { n: Math.max(1, Math.round(expected / 60)) });
  }

  #tick() {
    const since = Number(this.dataset.enqueued);
    if (since) this.querySelector('[data-waited]').textContent = mmss(bus.now() - since);
  }
}
customElements.define('offhook-visit', Visit);
