// <chat-picker>: quick responses to choose from, by hand or by key. Says chat-use or chat-close.
import { OffhookElement, base, createRef, css, html, icon, nothing, ref, repeat, t } from '@offhook/ui';
import { ask } from './api.js';
import { filled } from './words.js';

const FRESH_MS = 60_000;
let kept = null; // {at, list}: shared by all pickers of the page

async function responses() {
  if (!kept || Date.now() - kept.at > FRESH_MS) kept = { at: Date.now(), list: await ask('/chat/responses.json') };
  return kept.list;
}

const plain = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

class ChatPicker extends OffhookElement {
  static properties = {
    language: {},
    names: { attribute: false },
    list: { state: true },
    wanted: { state: true },
    at: { state: true },
    failed: { state: true },
  };

  static styles = css`
    :host {
      position: absolute;
      inset-block-end: calc(100% + 8px);
      inset-inline: var(--s-4);
      z-index: 20;
      max-inline-size: 520px;
    }
    .box {
      display: grid;
      grid-template-rows: auto minmax(0, 1fr) auto;
      max-block-size: min(380px, 55vh);
      border: 1px solid var(--line);
      border-radius: var(--r);
      background: var(--surface);
      box-shadow: var(--shadow-l);
      overflow: hidden;
    }
    .head {
      display: flex;
      gap: var(--s-2);
      align-items: center;
      padding: var(--s-2) var(--s-3);
      border-block-end: 1px solid var(--line);
    }
    .head input {
      flex: 1;
      min-inline-size: 0;
      min-block-size: 32px;
      border: 0;
      background: none;
      outline: none;
    }
    .box:has(input:focus-visible) {
      outline: 2px solid var(--accent);
      outline-offset: 1px;
    }
    ul {
      padding: var(--s-1);
      overflow: auto;
    }
    li {
      display: grid;
      gap: 1px;
      padding: 7px 10px;
      border-radius: var(--r-s);
      cursor: pointer;
    }
    li[aria-selected='true'] {
      background: var(--accent-soft);
    }
    .title {
      display: flex;
      gap: var(--s-2);
      align-items: center;
      font-weight: 600;
    }
    .text {
      overflow: hidden;
      color: var(--ink-2);
      font-size: var(--text-s);
      text-overflow: ellipsis;
      white-space: nowrap;
    }
    .foot {
      display: flex;
      gap: var(--s-3);
      align-items: center;
      justify-content: space-between;
      padding: 6px var(--s-3);
      border-block-start: 1px solid var(--line);
      color: var(--ink-2);
      font-size: var(--text-s);
    }
    .foot a {
      color: var(--accent);
    }
    .none {
      padding: var(--s-4);
      color: var(--ink-2);
      text-align: center;
    }
  `;

  #field = createRef();

  constructor() {
    super();
    this.wanted = '';
    this.at = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
    this.outside = event => event.composedPath().includes(this) || this.#tell('chat-close');
    setTimeout(() => this.isConnected && document.addEventListener('pointerdown', this.outside));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener('pointerdown', this.outside);
  }

  firstUpdated() {
    this.#field.value.focus();
  }

  async #load() {
    try {
      this.list = await responses();
    } catch (error) {
      this.failed = error.message;
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Those that fit what was typed; in the customer's language first. */
  get #fitting() {
    const words = plain(this.wanted).split(/\s+/);
    const other = one => Number(Boolean(one.language) && one.language !== this.language);
    return (this.list ?? [])
      .filter(one => words.every(word => plain(`${one.title} ${one.text}`).includes(word)))
      .sort((a, b) => other(a) - other(b));
  }

  #typed(event) {
    this.wanted = event.target.value;
    this.at = 0;
  }

  #key(event) {
    if (event.isComposing) return;
    const found = this.#fitting;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      this.at = found.length ? (this.at + moves[event.key] + found.length) % found.length : 0;
      this.updateComplete.then(() => this.renderRoot.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }));
    } else if (event.key === 'Enter') {
      if (found[this.at]) this.#tell('chat-use', { text: found[this.at].text });
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.#tell('chat-close');
    } else if (event.key === '/' && !this.wanted) {
      this.#tell('chat-use', { text: null }); // a message that really begins with it
    } else return;
    event.preventDefault();
  }

  #left(event) {
    if (event.relatedTarget && !this.contains(event.relatedTarget) && !this.renderRoot.contains(event.relatedTarget)) this.#tell('chat-close');
  }

  render() {
    const found = this.#fitting;
    return html`<div class="box" role="dialog" aria-label=${t('Quick responses')} @focusout=${this.#left}>
      <div class="head">${icon('search')}<input ${ref(this.#field)} type="text" role="combobox" autocomplete="off" aria-expanded="true" aria-controls="list" aria-autocomplete="list" aria-activedescendant=${found[this.at] ? `r-${found[this.at].id}` : nothing} aria-label=${t('Find a quick response')} placeholder=${t('Find a quick response')} .value=${this.wanted} @input=${this.#typed} @keydown=${this.#key} /></div>
      ${this.#list(found)}
      <div class="foot"><span>${t('↑ ↓ to choose, Enter to use')}</span><a href="${base}/chat/responses">${t('Manage')}</a></div>
    </div>`;
  }

  #list(found) {
    if (this.failed) return html`<p class="none" role="alert">${this.failed}</p>`;
    if (!this.list) return html`<p class="none">${t('Loading…')}</p>`;
    if (!found.length)
      return html`<p class="none" role="status">${this.list.length ? t('None fits.') : t('There are no quick responses yet.')}</p>`;
    return html`<ul id="list" role="listbox" aria-label=${t('Quick responses')}>
      ${repeat(
        found,
        one => one.id,
        (one, index) => html`<li id="r-${one.id}" role="option" aria-selected=${index === this.at} @pointermove=${() => (this.at = index)} @click=${() => this.#tell('chat-use', { text: one.text })}>
          <span class="title"><bdi>${one.title}</bdi>${one.language ? html`<span class="pill">${one.language}</span>` : nothing}${one.own ? html`<span class="pill">${icon('lock')}${t('Private')}</span>` : nothing}</span>
          <span class="text" dir="auto">${filled(one.text, this.names)}</span>
        </li>`,
      )}
    </ul>`;
  }
}

customElements.define('chat-picker', ChatPicker);
