// What the frame of every page does: appearance, menus, toasts, questions, the connection, the clock.
import { bus } from '@offhook/bus';
import { base, clock, confirm, csrf, day, t, toast } from '@offhook/ui';

const root = document.documentElement;
const sprite = new URL('../icons.svg', import.meta.url).href;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function iconElement(name) {
  const NS = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(NS, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(NS, 'use');
  use.setAttribute('href', `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/* Appearance */

function isDark() {
  return root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function showAppearance() {
  for (const use of document.querySelectorAll('[data-appearance] use'))
    use.setAttribute('href', `${sprite}#${isDark() ? 'sun' : 'moon'}`);
}

function switchAppearance() {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  const secure = location.protocol === 'https:' ? ';secure' : '';
  document.cookie = `theme=${root.dataset.theme};path=${base}/;max-age=31536000;samesite=lax${secure}`;
  showAppearance();
}

/* Menus are <details class="menu">: they work without this, which only closes them again. */

function closeMenus(except) {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (menu !== except) menu.open = false;
}

document.addEventListener('click', event => {
  const menu = event.target.closest('details.menu');
  closeMenus(menu);
  if (menu && event.target.closest('.menu-panel :is(a, button)')) menu.open = false;
  if (event.target.closest('[data-appearance]')) switchAppearance();
  const refused = event.target.closest('[data-reason]');
  if (refused) toast(refused.dataset.reason);
  const pane = event.target.closest('[data-show-pane]');
  if (pane) document.querySelector('.desk').dataset.pane = pane.dataset.showPane;
});

document.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  const menu = document.querySelector('details.menu[open]');
  if (!menu) return;
  const inside = menu.contains(document.activeElement);
  menu.open = false;
  if (inside) menu.querySelector('summary').focus();
});

/* Toasts */

document.addEventListener('offhook:toast', ({ detail: { text, ms } }) => {
  const close = make('button', { class: 'btn ghost mini icon-only', type: 'button', 'aria-label': t('Close') }, iconElement('x'));
  const box = make('div', { class: 'toast' }, make('span', {}, text), close);
  close.addEventListener('click', () => box.remove());
  document.getElementById('toasts').append(box);
  if (ms) setTimeout(() => box.remove(), ms);
});

/* Questions */

document.addEventListener('offhook:confirm', ({ detail: { text, yes, resolve } }) => {
  const no = make('button', { class: 'btn', value: 'no' }, t('Cancel'));
  const go = make('button', { class: 'btn primary', value: 'yes' }, yes);
  const form = make('form', { method: 'dialog' }, make('p', { id: 'question' }, text), make('div', { class: 'row end' }, no, go));
  const dialog = make('dialog', { class: 'sheet-dialog', 'aria-labelledby': 'question' }, form);
  dialog.addEventListener('close', () => {
    resolve(dialog.returnValue === 'yes');
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
});

document.addEventListener('submit', async event => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await confirm(form.dataset.confirm))) return;
  if (!form.isConnected) {
    // that part of the page was renewed while he thought about it
    form.hidden = true;
    document.body.append(form);
  }
  form.dataset.confirmed = 'yes';
  form.requestSubmit(event.submitter);
  delete form.dataset.confirmed;
}, true);

/* htmx: prove where the request comes from, and say what went wrong instead of swapping it in. */

document.addEventListener('htmx:config:request', event => {
  event.detail.ctx.request.headers['X-CSRF-Token'] = csrf();
});

document.addEventListener('htmx:after:request', event => {
  const { response, text } = event.detail.ctx;
  if (!response || response.status < 400 || response.status === 422) return;
  let message = t('That did not work.');
  try {
    message = JSON.parse(text).message ?? message;
  } catch {
    // not a problem body: the general sentence has to do
  }
  toast(message);
});

document.addEventListener('htmx:error', () => toast(t('The server cannot be reached.')));

/* The connection: told when it has been away for long enough to matter. */

let banner = null;
let patience = null;

function showBanner(...content) {
  const place = document.getElementById('connection');
  if (!place) return;
  banner?.remove();
  banner = make('div', { class: 'banner' }, ...content);
  place.append(banner);
}

bus.addEventListener('state', ({ detail: state }) => {
  if (state === 'offline') {
    patience ??= setTimeout(
      () => showBanner(iconElement('wifi-off'), t('You are offline. Reconnecting…')),
      1500,
    );
  } else if (state === 'signed-out') {
    clearTimeout(patience);
    const again = make('a', { href: location.href }, t('Sign in again'));
    showBanner(iconElement('log-out'), t('You are signed out.'), again);
  } else if (state === 'online' || state === 'idle') {
    clearTimeout(patience);
    patience = null;
    banner?.remove();
    banner = null;
  }
});

/* The tenant's clock: the server has written it, this keeps it going. */

class Clock extends HTMLElement {
  #timer;

  connectedCallback() {
    this.#beat();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  #beat() {
    const now = bus.now();
    this.querySelector('.day').textContent = `${day(now)} · `;
    const time = this.querySelector('time');
    time.textContent = clock(now);
    time.dateTime = new Date(now).toISOString();
    this.#timer = setTimeout(() => this.#beat(), 60_000 - (now % 60_000) + 20);
  }
}

customElements.define('offhook-clock', Clock);
showAppearance();
