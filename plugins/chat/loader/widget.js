// The chat button for foreign sites. It has no dependencies and asks nothing of the page around.
//
//   <script type="module" src="https://tenant.example/chat/widget.js" data-entry="front"></script>
//
// data-lang: a language instead of the page's. WORDS and HUE are put in front of this by the server.

const here = new URL(import.meta.url);
const home = here.href.slice(0, here.href.indexOf('/chat/widget.js'));
const OPEN_KEY = 'offhook-chat-open';
const KEPT_KEY = 'offhook-chat-kept:';
const NARROW = matchMedia('(width <= 480px)');

const css = `
:host {
  all: initial !important;
  position: fixed !important;
  inset: auto 20px 20px auto !important;
  z-index: 2147483647 !important;
  display: block !important;
  overflow: visible !important;
  margin: 0 !important;
  border: 0 !important;
  padding: 0 !important;
  background: none !important;
  visibility: visible !important;
  opacity: 1 !important;
  transform: none !important;
  filter: none !important;
  pointer-events: auto !important;
  color-scheme: light dark !important;
}
:host([dir="rtl"]) { inset: auto auto 20px 20px !important; }
button {
  all: unset;
  box-sizing: border-box;
  position: relative;
  display: grid;
  place-items: center;
  inline-size: 58px;
  block-size: 58px;
  border-radius: 50%;
  background: oklch(49.5% 0.165 ${HUE});
  color: #fff;
  box-shadow: 0 8px 24px rgb(0 0 0 / 0.28);
  cursor: pointer;
}
button:hover { background: oklch(44% 0.155 ${HUE}); }
button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px oklch(49.5% 0.165 ${HUE}); }
svg { inline-size: 26px; block-size: 26px; }
.badge {
  position: absolute;
  inset: -4px -4px auto auto;
  min-inline-size: 20px;
  padding: 2px 6px;
  box-sizing: border-box;
  border-radius: 99px;
  background: #b3202c;
  color: #fff;
  font: 700 12px/16px system-ui, sans-serif;
  text-align: center;
}
.badge[hidden], iframe[hidden] { display: none; }
.sr { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }
iframe {
  position: absolute;
  inset: auto 0 72px auto;
  inline-size: min(384px, calc(100vw - 40px));
  block-size: min(600px, calc(100vh - 112px));
  border: 0;
  border-radius: 16px;
  background: Canvas;
  box-shadow: 0 2px 6px rgb(0 0 0 / 0.1), 0 18px 48px rgb(0 0 0 / 0.28);
}
:host([dir="rtl"]) iframe { inset: auto auto 72px 0; }
@media (width <= 480px) {
  iframe {
    position: fixed;
    inset: 0;
    inline-size: 100vw;
    block-size: 100dvh;
    border-radius: 0;
  }
  :host([data-open]) button { display: none; }
}`;

function drawn(path) {
  const NS = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(NS, 'svg');
  const line = document.createElementNS(NS, 'path');
  const look = { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'stroke-width': '2', 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true' };
  for (const [name, value] of Object.entries(look)) svg.setAttribute(name, value);
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

const BUBBLE = 'M21 15a2 2 0 0 1-2 2H7l-4 4V5a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2z';
const DOWN = 'M6 9l6 6 6-6';

function stored(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null; // the site denies storage: the chat stays closed until it is clicked
  }
}

function store(key, value) {
  try {
    if (typeof value === 'string') sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  } catch {
    // see stored()
  }
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function language(wanted) {
  const tags = Object.keys(WORDS);
  for (const tag of [wanted, document.documentElement.lang, ...navigator.languages]) {
    const low = (tag || '').toLowerCase();
    const found = tags.find(t => t.toLowerCase() === low) ?? tags.find(t => low && t.split('-')[0].toLowerCase() === low.split('-')[0]);
    if (found) return found;
  }
  return tags[0];
}

class OffhookChat extends HTMLElement {
  #root = this.attachShadow({ mode: 'closed' });
  #frame = null;
  #button;
  #label;
  #badge;
  #words;
  #language;
  #unread = 0;
  #loaded = false;

  connectedCallback() {
    if (this.#button) return;
    this.#language = language(this.dataset.lang);
    this.#words = WORDS[this.#language];
    if (document.documentElement.dir === 'rtl') this.dir = 'rtl';
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.#root.adoptedStyleSheets = [sheet];
    this.#label = make('span', { class: 'sr' });
    this.#badge = make('span', { class: 'badge', hidden: '', 'aria-hidden': 'true' });
    this.#button = make('button', { type: 'button', 'aria-expanded': 'false' }, this.#label, this.#badge);
    this.#button.addEventListener('click', () => this.toggle());
    this.#root.append(this.#button);
    this.#draw();
    // In the top layer nothing of the page around can cover, clip, turn or fade it.
    this.popover = 'manual';
    this.showPopover?.();
    addEventListener('message', event => this.#heard(event));
    this.#root.addEventListener('keydown', event => event.key === 'Escape' && this.toggle(false));
    addEventListener('keydown', event => event.key === 'Escape' && this.open && NARROW.matches && this.toggle(false));
    if (this.#wasOpen) this.toggle(true, { quiet: true });
  }

  get open() {
    return Boolean(this.#frame && !this.#frame.hidden);
  }

  /** Show or hide the chat; without an argument turn it over. quiet: leave the focus where it is. */
  toggle(on = !this.open, { quiet = false } = {}) {
    if (on && !this.#frame) this.#load(quiet);
    if (!this.#frame) return;
    this.#frame.hidden = !on;
    this.toggleAttribute('data-open', on);
    this.#wasOpen = on;
    this.#say(on ? 'shown' : 'hidden', { quiet });
    if (on) this.#count(0);
    this.#draw();
    if (on && !quiet) this.#frame.focus();
    else if (!on) this.#button.focus();
  }

  #load(quiet) {
    const entry = encodeURIComponent(this.dataset.entry ?? '');
    const url = `${home}/chat/w/${entry}?lang=${encodeURIComponent(this.#language)}`;
    this.#frame = make('iframe', { src: url, title: this.#words.open, allow: 'clipboard-write' });
    this.#frame.addEventListener('load', () => {
      this.#loaded = true;
      this.#say('hello', { open: this.open, quiet, kept: stored(this.#keptKey) });
    });
    this.#root.prepend(this.#frame);
  }

  #say(kind, more = {}) {
    if (this.#loaded) this.#frame.contentWindow?.postMessage({ ...more, offhook: kind }, here.origin);
  }

  #heard(event) {
    if (event.origin !== here.origin || !this.#frame || event.source !== this.#frame.contentWindow) return;
    if (event.data?.offhook === 'unread') this.#count(Number(event.data.n) || 0);
    if (event.data?.offhook === 'close') this.toggle(false);
    if (event.data?.offhook === 'keep') store(this.#keptKey, event.data.value);
  }

  #count(n) {
    this.#unread = n;
    this.#draw();
  }

  #draw() {
    const n = this.#unread;
    this.#button.querySelector('svg')?.remove();
    this.#button.prepend(drawn(this.open ? DOWN : BUBBLE));
    this.#button.setAttribute('aria-expanded', String(this.open));
    this.#badge.hidden = !n;
    this.#badge.textContent = n > 99 ? '99+' : String(n);
    const name = this.open ? this.#words.close : this.#words.open;
    this.#label.textContent = n ? `${name}, ${this.#words.unread.replace('{n}', n)}` : name;
  }

  // Where a browser denies the frame its own storage, the frame asks us to keep its pass for this
  // tab, so that the next page of the site goes on with the same conversation.
  get #keptKey() {
    return KEPT_KEY + this.dataset.entry;
  }

  // The site may reload or lead to its next page; the chat that was open is open there, too.
  get #wasOpen() {
    return stored(OPEN_KEY) === this.dataset.entry;
  }

  set #wasOpen(on) {
    store(OPEN_KEY, on ? this.dataset.entry : null);
  }
}

if (!customElements.get('offhook-chat')) customElements.define('offhook-chat', OffhookChat);

for (const script of document.querySelectorAll('script[data-entry]')) {
  if (script.src.split(/[?#]/)[0] !== here.href.split(/[?#]/)[0] || script.dataset.offhookDone) continue;
  script.dataset.offhookDone = 'yes';
  const chat = document.createElement('offhook-chat');
  chat.dataset.entry = script.dataset.entry;
  if (script.dataset.lang) chat.dataset.lang = script.dataset.lang;
  document.body.append(chat);
}
