// @offhook/ui: the base of every element, words, formats, and what ties elements to the bus.
import { LitElement, css, html, nothing, svg } from 'lit';
import { bus } from '@offhook/bus';

export { css, html, nothing, svg };
export { classMap } from 'lit/directives/class-map.js';
export { live } from 'lit/directives/live.js';
export { ref, createRef } from 'lit/directives/ref.js';
export { repeat } from 'lit/directives/repeat.js';

const SPRITE = new URL('../icons.svg', import.meta.url).href;
const root = document.documentElement;
export const locale = root.lang || 'en';
export const zone = document.querySelector('meta[name="zone"]')?.content || undefined;
export const base = document.querySelector('meta[name="root"]')?.content ?? '';
export const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? '';

/* Words ------------------------------------------------------------------------------------ */

const WORDS = JSON.parse(document.getElementById('words')?.textContent || '{}');
const plurals = new Intl.PluralRules(locale);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

/** The message in the page's language; {name} is filled from values. */
export const t = (message, values = {}) => fill(WORDS[message] ?? message, values);

/** The form for n; {n} is filled with it. */
export function tn(one, other, n, values = {}) {
  const forms = WORDS[one];
  const text = forms ? (forms[plurals.select(n)] ?? forms.other) : n === 1 ? one : other;
  return fill(text, { n, ...values });
}

/* Formats: making an Intl formatter costs more than using it a hundred times ---------------- */

const formatters = new Map();
function formatter(kind, options) {
  const key = kind.name + JSON.stringify(options);
  if (!formatters.has(key)) formatters.set(key, new kind(locale, options));
  return formatters.get(key);
}
const date = options => formatter(Intl.DateTimeFormat, { timeZone: zone, ...options });

export const clock = ms => date({ timeStyle: 'short' }).format(ms);
export const day = ms => date({ weekday: 'short', day: 'numeric', month: 'short' }).format(ms);
export const dateTime = ms => date({ dateStyle: 'medium', timeStyle: 'short' }).format(ms);
export const number = (n, options = {}) => formatter(Intl.NumberFormat, options).format(n);

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
export function fileSize(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  const digits = unit && value < 10 ? 1 : 0;
  return number(value, { style: 'unit', unit: UNITS[unit], maximumFractionDigits: digits });
}

/** 3:20, or 1:02:03 from an hour on. */
export function mmss(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = n => String(n).padStart(2, '0');
  const rest = two(s % 60);
  return s < 3600
    ? `${Math.floor(s / 60)}:${rest}`
    : `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${rest}`;
}

/* People ----------------------------------------------------------------------------------- */

export function initials(name) {
  const words = name.split(/\s+/).filter(word => /^[\p{L}\p{N}]/u.test(word));
  return (
    words
      .slice(0, 2)
      .map(word => [...word][0])
      .join('')
      .toUpperCase() || '?'
  );
}

/** One of eight colours for a name; the server's filter of the same name agrees. */
export function tone(name) {
  let value = 7;
  for (const character of name) value = (value * 31 + character.codePointAt(0)) % 9973;
  return value % 8;
}

/* Pieces of markup -------------------------------------------------------------------------- */

export const icon = (name, more = '') =>
  html`<svg class="icon ${more}" aria-hidden="true"><use href="${SPRITE}#${name}"></use></svg>`;

/** presence: online, away, offline or nothing. */
export const avatar = (name, presence) =>
  html`<span class="avatar" aria-hidden="true" data-tone=${tone(name)} data-presence=${presence ?? nothing}>${initials(name)}</span>`;

/* The base element -------------------------------------------------------------------------- */

function sharedSheet() {
  const sheet = new CSSStyleSheet();
  const link = document.querySelector('link[data-shared]');
  const rules = [...(link?.sheet?.cssRules ?? [])].map(rule => rule.cssText).join('\n');
  sheet.replaceSync(`*,*::before,*::after{box-sizing:border-box}
    h1,h2,h3,p,ul,ol,dl,dd,figure{margin:0}ul,ol{padding:0;list-style:none}
    :host{display:block}[hidden]{display:none!important}
    @media (prefers-reduced-motion:reduce){*,*::before,*::after{animation:none!important;transition:none!important}}
    ${rules}`);
  return sheet;
}
const shared = sharedSheet();

/** An element in the look of the page: the classes of css/controls.css work inside it. */
export class OffhookElement extends LitElement {
  static finalizeStyles(styles) {
    return [shared, ...super.finalizeStyles(styles)];
  }
}

/* Controllers ------------------------------------------------------------------------------- */

/** Draws its host again every second, all hosts in one beat, on the server's second. */
export class Tick {
  static #hosts = new Set();
  static #timer = null;

  constructor(host) {
    this.host = host;
    host.addController(this);
  }

  hostConnected() {
    Tick.#hosts.add(this.host);
    if (Tick.#timer === null) Tick.#beat();
  }

  hostDisconnected() {
    Tick.#hosts.delete(this.host);
  }

  static #beat() {
    if (!Tick.#hosts.size) {
      Tick.#timer = null;
      return;
    }
    Tick.#timer = setTimeout(
      () => {
        for (const host of Tick.#hosts) host.requestUpdate();
        Tick.#beat();
      },
      1000 - (bus.now() % 1000) + 5,
    );
  }
}

/** A topic of the bus for as long as its host is in the page. Handlers run with the host as this. */
export class Topic {
  #stop = null;

  constructor(host, name, handlers, options) {
    Object.assign(this, { host, name, handlers, options });
    host.addController(this);
  }

  hostConnected() {
    this.watch(this.name);
  }

  hostDisconnected() {
    this.#stop?.();
    this.#stop = null;
  }

  /** Listen to another topic from now on; null: to none. */
  watch(name, options = this.options) {
    this.hostDisconnected();
    this.name = name;
    if (!name) return;
    const bound = Object.entries(this.handlers).map(([kind, handler]) => [
      kind,
      (...values) => {
        handler.apply(this.host, values);
        this.host.requestUpdate();
      },
    ]);
    this.#stop = bus.subscribe(name, Object.fromEntries(bound), options);
  }
}

/** The rows of a state topic as a Map by id, kept up to date; onChange(rows) after each change. */
export class Rows {
  rows = new Map();
  ready = false;

  constructor(host, name, onChange = () => {}) {
    const changed = () => onChange.call(host, this.rows);
    this.topic = new Topic(host, name, {
      onSnapshot: list => {
        this.rows = new Map(list.map(row => [row.id, row]));
        this.ready = true;
        changed();
      },
      onDelta: ({ set = [], gone = [] }) => {
        for (const id of gone) this.rows.delete(id);
        for (const row of set) this.rows.set(row.id, row);
        changed();
      },
    });
  }

  get list() {
    return [...this.rows.values()];
  }
}

/* Saying and asking ------------------------------------------------------------------------- */

/** A short word at the foot of the page. tone: '' or 'bad'. */
export function toast(text, { ms = 6000 } = {}) {
  document.dispatchEvent(new CustomEvent('offhook:toast', { detail: { text, ms } }));
}

/** Ask before something that cannot be undone; resolves to true or false. */
export function confirm(text, { yes = t('Continue') } = {}) {
  return new Promise(resolve =>
    document.dispatchEvent(new CustomEvent('offhook:confirm', { detail: { text, yes, resolve } })),
  );
}

/** POST as this page: path below the tenant's root, JSON or FormData. Throws the problem body. */
export async function post(path, body) {
  const form = body instanceof FormData;
  const response = await fetch(base + path, {
    method: 'POST',
    headers: {
      'X-CSRF-Token': csrf(),
      Accept: 'application/json',
      ...(form || body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    body: form || body === undefined ? body : JSON.stringify(body),
  });
  const answer = response.headers.get('Content-Type')?.includes('json') ? await response.json() : {};
  if (!response.ok)
    throw Object.assign(new Error(answer.message ?? t('That did not work.')), { ...answer, status: response.status });
  return answer;
}
