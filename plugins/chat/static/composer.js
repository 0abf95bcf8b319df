// <chat-composer>: where a message is written. It says what is wanted; the panel does it.
import { OffhookElement, createRef, css, html, icon, nothing, number, ref, t } from '@offhook/ui';
import './picker.js';
import { Drafts } from './outbox.js';
import { filled } from './words.js';

const TYPING_EVERY_MS = 1_500;
const SAVE_AFTER_MS = 300;
const NEARLY_FULL = 200;

class ChatComposer extends OffhookElement {
  static properties = {
    start: { attribute: false }, // the panel's data: session, limits, may, names, language
    text: { state: true },
    picking: { state: true },
  };

  static styles = css`
    :host {
      position: relative;
      border-block-start: 1px solid var(--line);
      background: var(--surface);
    }
    form {
      display: flex;
      gap: var(--s-2);
      align-items: flex-end;
      padding: var(--s-3) var(--s-4);
    }
    textarea {
      flex: 1;
      min-inline-size: 0;
      min-block-size: 40px;
      max-block-size: min(180px, 30vh);
      padding: 9px 13px;
      border: 1px solid var(--line-strong);
      border-radius: var(--r);
      background: var(--bg);
      color: inherit;
      line-height: 1.45;
      field-sizing: content;
      resize: none;
    }
    textarea::placeholder {
      color: var(--ink-2);
      opacity: 1;
    }
    textarea:focus-visible {
      outline-offset: -1px;
    }
    .btn {
      min-block-size: 40px;
    }
    .send {
      inline-size: 44px;
      padding: 0;
    }
    .left {
      padding: 0 var(--s-4) var(--s-2);
      color: var(--ink-2);
      font-size: var(--text-xs);
      text-align: end;
    }
    .left.over {
      color: var(--bad);
    }
    @media (width <= 720px) {
      form {
        gap: 2px;
        padding: var(--s-2);
      }
      .send {
        margin-inline-start: var(--s-1);
      }
    }
  `;

  #area = createRef();
  #files = createRef();
  #typedAt = 0;
  #saving = null;

  constructor() {
    super();
    this.text = '';
    this.picking = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.drafts = new Drafts(this.start.session);
    this.text = this.drafts.text;
    this.onLeave = () => this.#save();
    addEventListener('pagehide', this.onLeave);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    removeEventListener('pagehide', this.onLeave);
    this.#save();
  }

  focus() {
    this.#area.value?.focus();
  }

  /** Put text in front of what stands there: a message that was refused, to be changed. */
  put(text) {
    this.text = this.text ? `${text}\n${this.text}` : text;
    this.#later();
    this.updateComplete.then(() => this.focus());
  }

  get #over() {
    return [...this.text.trim()].length > this.start.limits.text;
  }

  #save() {
    clearTimeout(this.#saving);
    this.drafts.text = this.text;
  }

  #later() {
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #typed(event) {
    this.text = event.target.value;
    this.#later();
    const now = Date.now();
    if (!this.text || now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    this.#tell('chat-typing');
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is choosing letters
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === '/' && !this.text && this.start.may.respond) {
      event.preventDefault();
      this.picking = true;
    }
  }

  #send() {
    const text = this.text.trim();
    if (!text || this.#over) return;
    this.#tell('chat-send', { text });
    this.text = '';
    this.#typedAt = 0;
    this.#save();
  }

  #submit(event) {
    event.preventDefault();
    this.#send();
    this.focus();
  }

  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !this.start.may.attach) return;
    event.preventDefault();
    this.#tell('chat-files', { files });
  }

  #chosen(event) {
    this.#tell('chat-files', { files: [...event.target.files] });
    event.target.value = '';
    this.focus();
  }

  #use({ detail }) {
    this.picking = false;
    const area = this.#area.value;
    const words = detail.text === null ? '/' : filled(detail.text, this.start.names);
    area.setRangeText(words, area.selectionStart, area.selectionEnd, 'end');
    this.text = area.value;
    this.#later();
    this.focus();
  }

  #closed() {
    this.picking = false;
    this.focus();
  }

  render() {
    const { may, limits, language } = this.start;
    const left = limits.text - [...this.text].length;
    return html`
      ${this.picking ? html`<chat-picker .language=${language} .names=${this.start.names} @chat-use=${this.#use} @chat-close=${this.#closed}></chat-picker>` : nothing}
      <form @submit=${this.#submit}>
        ${may.respond
          ? html`<button type="button" class="btn ghost icon-only" aria-haspopup="dialog" aria-expanded=${Boolean(this.picking)} title=${t('Quick responses')} @click=${() => (this.picking = !this.picking)}>${icon('zap')}<span class="sr">${t('Quick responses')}</span></button>`
          : nothing}
        ${may.attach
          ? html`<button type="button" class="btn ghost icon-only" title=${t('Attach files, {limit} MB at most each', { limit: number(limits.file_mb) })} @click=${() => this.#files.value.click()}>${icon('paperclip')}<span class="sr">${t('Attach files, {limit} MB at most each', { limit: number(limits.file_mb) })}</span></button>
              <input ${ref(this.#files)} type="file" multiple hidden @change=${this.#chosen} />`
          : nothing}
        <textarea ${ref(this.#area)} rows="1" dir="auto" enterkeyhint="send" aria-label=${t('Message')} placeholder=${t('Write a message…')} .value=${this.text} @input=${this.#typed} @keydown=${this.#key} @paste=${this.#paste}></textarea>
        <button class="btn primary send" ?disabled=${!this.text.trim() || this.#over}>${icon('send', 'turns')}<span class="sr">${t('Send')}</span></button>
      </form>
      ${left < NEARLY_FULL ? html`<div class="left number ${left < 0 ? 'over' : ''}" role="status">${t('{n} characters left', { n: number(left) })}</div>` : nothing}
    `;
  }
}

customElements.define('chat-composer', ChatComposer);
