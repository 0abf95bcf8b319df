// <teamview-room>: the waiting room, as a home or as the narrow list beside an open session.
import { OffhookElement, Tick, Topic, base, confirm, html, icon, mmss, nothing, post, repeat, t, tn, toast } from '@offhook/ui';
import { bus } from '@offhook/bus';
import { Arrivals } from '@offhook/teamview/announce.js';
import { styles } from '@offhook/teamview/look.js';
import { rowOf } from '@offhook/teamview/row.js';
import { groups, isMine, isWaiting, waited } from '@offhook/teamview/rows.js';

const TOPIC = 'teamview.room';
const VIEWS = ['team', 'dark'];
const present = row => row !== undefined && isWaiting(row) && row.online;

class TeamviewRoom extends OffhookElement {
  static properties = {
    view: {},
    me: { type: Number },
    compact: { type: Boolean },
    current: {},
    menu: { state: true },
    busy: { state: true },
    said: { state: true },
  };
  static styles = styles;

  rows = new Map();
  said = '';
  #ready = false;
  #arrivals = new Arrivals(text => (this.said = text));
  #back = () => this.#show(location.pathname.endsWith('/dark') ? 'dark' : 'team');
  #outside = event => this.menu && !event.composedPath().some(e => e.classList?.contains('more')) && (this.menu = null);

  constructor() {
    super();
    new Tick(this);
    new Topic(this, TOPIC, { onSnapshot: this.#snapshot, onDelta: this.#delta });
  }

  connectedCallback() {
    this.may ??= JSON.parse(this.dataset.may);
    const first = this.querySelector('script[type="application/json"]');
    if (first && !this.rows.size) this.#take(JSON.parse(first.textContent));
    super.connectedCallback();
    document.addEventListener('click', this.#outside);
    if (!this.compact) addEventListener('popstate', this.#back);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener('click', this.#outside);
    removeEventListener('popstate', this.#back);
    this.#arrivals.stop();
  }

  page(row) {
    return `${base}/sessions/${row.id}`;
  }

  /* What the server says */

  #take(list) {
    this.rows = new Map(list.map(row => [row.id, row]));
  }

  #snapshot(list) {
    const before = this.rows;
    this.#take(list);
    if (this.#ready) for (const row of list) this.#greet(before.get(row.id), row);
    this.#ready = true;
  }

  #delta({ set = [], gone = [] }) {
    for (const id of gone) this.rows.delete(id);
    for (const row of set) {
      this.#greet(this.rows.get(row.id), row);
      this.rows.set(row.id, row);
    }
  }

  #greet(before, row) {
    if (!present(row) || present(before)) return;
    if (this.view === 'team' || isMine(row, this.me)) this.#arrivals.add(row.customer);
  }

  /* What the agent does */

  async attend(row, obstacle) {
    if (obstacle) return toast(`${row.customer}: ${obstacle}`);
    if (this.busy) return;
    this.busy = row.id;
    if (await this.#tell(row, 'attend')) location.assign(this.page(row));
    this.busy = null;
  }

  prioritise(row, by) {
    const body = new FormData();
    body.set('priority', row.priority + by);
    return this.#tell(row, 'priority', body);
  }

  async remove(row) {
    const question = t('Delete the session of {name}? The customer leaves the waiting room and the link stops working.', { name: row.customer });
    if (await confirm(question, { yes: t('Delete') })) await this.#tell(row, 'delete');
  }

  async #tell(row, what, body) {
    try {
      await post(`/sessions/${row.id}/${what}`, body);
      return true;
    } catch (error) {
      toast(error.status ? error.message : t('The server cannot be reached.'));
      return false;
    }
  }

  toggleMenu(id) {
    this.menu = this.menu === id ? null : id;
  }

  #show(view) {
    this.view = view;
    if (this.compact) return;
    const title = this.#titles()[view];
    const heading = document.querySelector('main h1');
    document.title = document.title.replace(heading.textContent, title);
    heading.textContent = title;
  }

  #choose(event, view) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (view === this.view) return;
    this.#show(view);
    if (!this.compact) history.pushState(null, '', this.dataset[view]);
    const body = new FormData();
    body.set('view', view);
    post('/teamview/view', body).catch(error => toast(error.status ? error.message : t('The server cannot be reached.')));
  }

  async #tabKey(event) {
    if (!['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
    this.#choose(event, VIEWS.find(view => view !== this.view));
    await this.updateComplete;
    this.renderRoot.querySelector('[role="tab"][aria-selected="true"]').focus();
  }

  #key(event) {
    if (event.key === 'Escape' && this.menu) {
      const opener = this.renderRoot.querySelector(`[data-menu="${this.menu}"]`);
      this.menu = null;
      opener?.focus();
    }
    if (!['ArrowDown', 'ArrowUp'].includes(event.key) || !event.target.classList.contains('name')) return;
    event.preventDefault();
    const names = [...this.renderRoot.querySelectorAll('.name')];
    names[names.indexOf(event.target) + (event.key === 'ArrowDown' ? 1 : -1)]?.focus();
  }

  /* What it looks like */

  #titles() {
    return { team: t('Team View'), dark: t('Dark View') };
  }

  #tabs() {
    const titles = this.#titles();
    return html`<div class="tabs" role="tablist" aria-label=${t('View')} @keydown=${this.#tabKey}>
      ${VIEWS.map(
        view =>
          html`<a role="tab" href=${this.dataset[view]} aria-selected=${this.view === view} aria-controls="panel" tabindex=${this.view === view ? 0 : -1} @click=${e => this.#choose(e, view)}>${icon(view === 'team' ? 'users' : 'user')} ${titles[view]}</a>`,
      )}
    </div>`;
  }

  #summary(rows) {
    const waiting = rows.filter(present);
    if (!waiting.length) return nothing;
    const longest = Math.max(...waiting.map(row => waited(row, bus.now())));
    return html`<span class="summary muted">${tn('{n} customer is waiting', '{n} customers are waiting', waiting.length)} · ${t('longest {time}', { time: mmss(longest) })}</span>`;
  }

  #group(id, title, rows) {
    if (!rows.length) return nothing;
    return html`<section aria-labelledby=${id}>
      <h2 class="eyebrow" id=${id}>${title} · ${rows.length}</h2>
      ${this.#list(rows, id)}
    </section>`;
  }

  #list(rows, id) {
    return html`<ul class="list" aria-labelledby=${id}>${repeat(rows, row => row.id, row => rowOf(row, this))}</ul>`;
  }

  #invited(rows) {
    if (!rows.length) return nothing;
    return html`<details class="invited">
      <summary class="eyebrow" id="invited">${icon('chevron-right', 'turns')}${t('Invited')} · ${rows.length}</summary>
      ${this.#list(rows, 'invited')}
    </details>`;
  }

  #empty(dark) {
    const title = dark ? t('None of your customers is waiting') : t('Nobody is waiting');
    const text = t('Send a notification: your customer gets a link, opens it and appears here.');
    return html`<div class="empty">${icon('hourglass')}<strong>${title}</strong>
      <p>${text}</p></div>`;
  }

  render() {
    const dark = this.view === 'dark';
    const { own, rest, invited } = groups([...this.rows.values()], this.me, dark);
    return html`<div class="room" @keydown=${this.#key}>
      <div class="bar">${this.#tabs()}${this.#summary([...own, ...rest])}</div>
      <div role="tabpanel" id="panel" aria-label=${this.#titles()[this.view]}>
        ${own.length || rest.length ? nothing : this.#empty(dark)}
        ${this.#group('own', t('Your customers'), own)}
        ${this.#group('rest', own.length ? t('The rest of the room') : t('Waiting room'), rest)}
        ${this.#invited(invited)}
      </div>
      <p class="sr" role="status">${this.said}</p>
    </div>`;
  }
}

customElements.define('teamview-room', TeamviewRoom);
