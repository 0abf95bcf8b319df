// <chat-panel>: the conversation of a session, for the agent, the customer and the widget.
import { bus } from '@offhook/bus';
import { OffhookElement, Rows, Topic, createRef, html, icon, nothing, ref, repeat, t, tn } from '@offhook/ui';
import { ask } from './api.js';
import { bubble, follows, isFrom, kindOf, line, pending, upload } from './bubbles.js';
import './composer.js';
import { dayOf, dayTitle } from './days.js';
import { History } from './history.js';
import { styles } from './look.js';
import { Outbox } from './outbox.js';
import { Uploads } from './uploads.js';

const PAGE = 50;
const MOST_SHOWN = 400;
const KEPT = 200;
const NEAR_PX = 60;
const TYPING_MS = 6_000;
const BACK_MS = 5_000;

class ChatPanel extends OffhookElement {
  static styles = styles;

  static properties = {
    start: { attribute: false }, // what the server's conversation.start() says; else read from the page
    again: { type: Boolean }, // offer “Contact us again” when it is over: says chat-again
    side: { reflect: true },
    loading: { state: true },
    unread: { state: true },
    dropping: { state: true },
    typing: { state: true },
    back: { state: true },
    said: { state: true },
  };

  #log = createRef();
  #composer = createRef();
  #removed = new Set();
  #atEnd = true;
  #lastTop = 0;
  #keep = null; // distance to the foot that must not change while earlier events come in on top
  #typingTimer = null;
  #resize = null;

  constructor() {
    super();
    this.loading = false;
    this.unread = 0;
    this.typing = '';
    this.back = '';
    this.said = '';
    for (const kind of ['dragenter', 'dragover', 'dragleave']) this.addEventListener(kind, this.#drag);
    this.addEventListener('drop', this.#drop);
  }

  connectedCallback() {
    super.connectedCallback();
    if (!this.history) this.#begin();
    if (this.hasUpdated) this.#follow();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#typingTimer);
    this.#resize?.disconnect();
  }

  #begin() {
    this.start ??= JSON.parse(this.querySelector('script').textContent);
    const { session, side, arrived, attended, ended, limits } = this.start;
    Object.assign(this, { side, arrived, attended, ended });
    this.history = new History(this.start);
    for (const event of this.start.events) this.#note(event);
    const changed = () => this.requestUpdate();
    this.outbox = new Outbox(session, changed);
    const path = side === 'agent' ? `/sessions/${session}/files` : '/visit/files';
    this.uploads = new Uploads(path, limits.file_mb, changed);
    new Topic(
      this,
      `session:${session}`,
      { onEvent: this.#event, onSignal: this.#signal },
      { after: this.history.newest },
    );
    this.presence = new Rows(this, `presence:${session}`, this.#seen);
    this.outbox.resume();
  }

  firstUpdated() {
    this.#follow();
  }

  // Pictures and late fonts change heights; who reads the end stays at the end.
  #follow() {
    const log = this.#log.value;
    this.#resize = new ResizeObserver(() => this.#atEnd && this.#toEnd());
    this.#resize.observe(log);
    this.#resize.observe(log.firstElementChild);
    this.#toEnd();
  }

  updated() {
    const log = this.#log.value;
    if (this.#keep !== null) {
      log.scrollTop = this.#lastTop = log.scrollHeight - this.#keep;
      this.#keep = null;
    } else if (this.#atEnd) this.#toEnd();
    if (!this.#atEnd || log.scrollHeight <= log.clientHeight) this.#nearTop();
  }

  /* What happens */

  #event(event) {
    if (!this.history.add(event)) return;
    this.#note(event);
    const mine = event.actor?.kind === this.start.me.kind && event.actor?.id === this.start.me.id;
    if (event.type === 'chat.message' && mine) {
      this.outbox.arrived(event);
      this.#atEnd = true;
    }
    if (isFrom(event, this.start.me)) this.#received(event);
    if (this.#atEnd && this.history.current.events.length > MOST_SHOWN) this.history.trim(KEPT);
  }

  #received(event) {
    this.typing = '';
    if (!this.#atEnd) this.unread += 1;
    const name = event.actor?.name || t('Somebody');
    this.said = event.data?.text ? `${name}: ${event.data.text}` : t('{name} sent a file', { name });
    this.dispatchEvent(new CustomEvent('chat-received', { bubbles: true, composed: true }));
  }

  #note({ type, data, actor }) {
    if (type === 'core.file_removed') this.#removed.add(data.file);
    else if (type === 'core.session_ended') this.ended = true;
    else if (type === 'core.customer_arrived') this.arrived = true;
    else if (type === 'core.agent_joined') {
      this.attended = true;
      if (this.side === 'customer') {
        this.start.names.agent = actor.name;
        this.wasOnline = undefined; // his first look at this agent, who was not away before
      }
    } else if (type === 'core.agent_left') this.attended = false;
  }

  #signal({ type, actor }) {
    if (type !== 'core.typing') return;
    this.typing = t('{name} is typing…', { name: actor.name });
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => (this.typing = ''), TYPING_MS);
  }

  // Told when somebody who was away is here again; not on the first look.
  #seen(rows) {
    const other = this.side === 'agent' ? 'customer' : 'agent';
    const online = rows.get(other)?.online ?? false;
    if (this.wasOnline === false && online && this.#cares) {
      this.back = t('{name} is online again.', { name: this.#otherName });
      setTimeout(() => (this.back = ''), BACK_MS);
    }
    this.wasOnline = online;
  }

  // A customer waits for whoever comes: only the one who attends him can be missed.
  get #cares() {
    return !this.ended && (this.side === 'agent' ? this.arrived : this.attended);
  }

  get #otherName() {
    const { names } = this.start;
    return (this.side === 'agent' ? names.customer : names.agent) || names.tenant;
  }

  /* Where we are in it */

  #scrolled() {
    const log = this.#log.value;
    const near = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
    const up = log.scrollTop < this.#lastTop - 1;
    this.#lastTop = log.scrollTop;
    // Only a reader leaves the end; a composer that grows does not take him away from it.
    if (!near && !up && this.#atEnd) return this.#toEnd();
    this.#atEnd = near;
    if (near) this.unread = 0;
    this.far = !this.#atEnd;
    this.requestUpdate();
  }

  #nearTop() {
    if (this.#log.value.scrollTop < 300 && !this.loading && !this.failed) this.#earlier();
  }

  #toEnd() {
    const log = this.#log.value;
    log.scrollTop = log.scrollHeight;
    this.#lastTop = log.scrollTop;
  }

  #jump() {
    this.#atEnd = true;
    this.unread = 0;
    this.#toEnd();
    this.#composer.value?.focus();
  }

  async #earlier() {
    const wanted = this.history.earlier;
    if (!wanted || this.loading) return;
    this.loading = true;
    this.failed = '';
    try {
      const query = wanted.before ? `?before=${wanted.before}&limit=${PAGE}` : `?limit=${PAGE}`;
      const page = await ask(`/chat/${wanted.session}/events${query}`);
      if (this.history.earlier?.session !== wanted.session || this.history.earlier?.before !== wanted.before) return;
      for (const event of page.events) if (event.type === 'core.file_removed') this.#removed.add(event.data.file);
      const log = this.#log.value;
      this.#keep = log.scrollHeight - log.scrollTop;
      this.history.prepend(page);
    } catch (error) {
      this.failed = error.message;
    } finally {
      this.loading = false;
    }
  }

  /* What people do */

  #send({ detail }) {
    this.outbox.post(detail.text);
    this.#atEnd = true;
  }

  #attach(files) {
    this.uploads.add(files);
    this.#atEnd = true;
  }

  #typingNow() {
    if (bus.state === 'online') bus.send('core.typing', `session:${this.start.session}`).catch(() => {});
  }

  get #takesFiles() {
    return this.start.may.attach && (!this.ended || this.side === 'agent');
  }

  #drag(event) {
    if (!this.#takesFiles || !event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    this.dropping = event.type !== 'dragleave' || this.contains(event.relatedTarget) || this.renderRoot.contains(event.relatedTarget);
  }

  #drop(event) {
    if (!this.#takesFiles || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.dropping = false;
    this.#attach([...event.dataTransfer.files]);
  }

  /* How it looks */

  render() {
    return html`
      ${this.#banner()}
      <div class="log" ${ref(this.#log)} role="log" aria-live="off" tabindex="0" aria-label=${t('Conversation')} @scroll=${this.#scrolled}>
        <div class="events">${this.#top()}${repeat(this.#rows(), row => row.key, row => row.show())}${this.#underway()}</div>
      </div>
      <div class="sr" role="status" aria-live="polite">${this.said}</div>
      <div class="foot">
        ${this.far || this.unread ? this.#jumpButton() : nothing}
        <div class="typing" role="status">${this.typing}</div>
        ${this.#foot()}
      </div>
      ${this.dropping ? html`<div class="drop" aria-hidden="true">${icon('upload')}${t('Drop files here')}</div>` : nothing}
    `;
  }

  #banner() {
    if (this.back) return html`<div class="banner ok" role="status">${icon('circle-check')}${this.back}</div>`;
    if (!this.presence.ready || !this.#cares || this.wasOnline !== false) return nothing;
    const text = t('{name} is offline at the moment.', { name: this.#otherName });
    return html`<div class="banner" role="status">${icon('wifi-off')}${text} ${t('You can go on writing.')}</div>`;
  }

  #top() {
    if (this.failed)
      return html`<button type="button" class="btn mini earlier" @click=${this.#earlier}>${icon('refresh-cw')}${t('Try again')}<span class="sr">: ${this.failed}</span></button>`;
    if (this.history.earlier)
      return html`<button type="button" class="btn mini ghost earlier" aria-busy=${this.loading} @click=${this.#earlier}>${this.loading ? html`<span class="spinner" aria-hidden="true"></span>` : icon('history')}${t('Show earlier')}</button>`;
    return this.start.greeting ? html`<p class="greeting" dir="auto">${this.start.greeting}</p>` : nothing;
  }

  #rows() {
    const { lines, me, side } = this.start;
    const rows = [];
    for (const [index, part] of this.history.segments.entries()) {
      let day = null;
      let above = null;
      if (index) rows.push(this.#visit(part, index));
      for (const event of part.events) {
        const kind = kindOf(event, lines);
        if (!kind) continue;
        const key = `${part.session}:${event.n}`;
        if (dayOf(event.at) !== day) {
          day = dayOf(event.at);
          above = null;
          rows.push({ key: `day:${key}`, show: () => html`<div class="day">${dayTitle(event.at)}</div>` });
        }
        const grouped = kind !== 'line' && follows(event, above);
        above = kind === 'line' ? null : event;
        rows.push({
          key,
          show: () =>
            kind === 'line' ? line(event, lines) : bubble(event, { side, me, grouped, removed: this.#removed }),
        });
      }
    }
    return rows;
  }

  #visit(part, index) {
    const last = index === this.history.segments.length - 1;
    const text = last ? t('This session') : t('Session of {day}', { day: dayOf(part.at) });
    return { key: `visit:${part.session}`, show: () => html`<div class="visit"><span>${text}</span></div>` };
  }

  #underway() {
    const messages = {
      retry: item => this.outbox.retry(item),
      discard: item => this.outbox.discard(item),
      edit: item => {
        this.outbox.discard(item);
        this.#composer.value?.put(item.text);
      },
    };
    const files = { retry: item => this.uploads.retry(item), cancel: item => this.uploads.cancel(item) };
    return [
      repeat(this.outbox.items, item => item.id, item => pending(item, messages)),
      repeat(this.uploads.items, item => item.id, item => upload(item, files)),
    ];
  }

  #jumpButton() {
    const text = this.unread ? tn('{n} new message', '{n} new messages', this.unread) : t('To the newest');
    return html`<button type="button" class="btn mini jump ${this.unread ? 'primary' : ''}" @click=${this.#jump}>${icon('chevron-down')}${text}</button>`;
  }

  #foot() {
    const { may } = this.start;
    if (this.ended && this.side === 'customer')
      return html`<div class="ended"><span>${t('This conversation has ended')}</span>${this.again ? html`<button type="button" class="btn primary" @click=${() => this.dispatchEvent(new CustomEvent('chat-again'))}>${icon('message-square')}${t('Contact us again')}</button>` : nothing}</div>`;
    const ended = this.ended ? html`<div class="ended">${t('This conversation has ended. The customer can still read what you add.')}</div>` : nothing;
    if (!may.send) return ended === nothing ? html`<div class="ended">${t('Your role does not allow writing here.')}</div>` : ended;
    return [
      ended,
      html`<chat-composer ${ref(this.#composer)} .start=${this.start} @chat-send=${this.#send} @chat-files=${event => this.#attach(event.detail.files)} @chat-typing=${this.#typingNow}></chat-composer>`,
    ];
  }
}

customElements.define('chat-panel', ChatPanel);
