// The page inside the widget's frame: who are you, the waiting room, the conversation.
//
// No cookie reaches a foreign site's frame, so the token of the session is kept in the frame's
// own storage, where the site around it cannot read, and sent along with each request. A browser
// that denies the frame any storage leaves only the site's: for this tab, and for one conversation.
import { bus } from '@offhook/bus';
import { base, locale, number, t, tn } from '@offhook/ui';
import { ask, useBearer } from './api.js';
import './panel.js';

const main = document.getElementById('main');
const part = id => document.getElementById(id);
const { path, key } = main.dataset;
const STORED = `offhook:chat:${key}`;
const GREETED_MS = 4_000;
const said = `?lang=${encodeURIComponent(locale)}`;

let token = null;
let shown = true;
let attentive = false; // somebody opened us just now, rather than the site its next page
let unread = 0;
let host = null; // origin of the page around us, once it has spoken
let place = null;
let stopPlace = null;
let greeted = () => {};

/* The token */

const storage = (() => {
  try {
    localStorage.getItem(STORED);
    return localStorage;
  } catch {
    return null;
  }
})();

function remember(value) {
  token = value;
  useBearer(value);
  bus.configure({ root: base, bearer: value });
  if (!storage) tell({ kind: 'keep', value });
  else if (value) storage.setItem(STORED, value);
  else storage.removeItem(STORED);
}

/* The page around */

const tell = message => host && parent.postMessage({ offhook: message.kind, ...message }, host);

addEventListener('message', event => {
  if (event.source !== parent || parent === window) return;
  const kind = event.data?.offhook;
  if (kind === 'hello') {
    host = event.origin;
    greeted(event.data.kept);
  }
  if (kind === 'hello' || kind === 'shown' || kind === 'hidden') {
    shown = kind === 'hello' ? Boolean(event.data.open) : kind === 'shown';
    if (shown) seen();
    attentive = shown && !event.data.quiet;
    focusInside();
  }
});

function seen() {
  unread = 0;
  tell({ kind: 'unread', n: 0 });
}

addEventListener('chat-received', () => {
  if (shown && !document.hidden) return;
  unread += 1;
  tell({ kind: 'unread', n: unread });
});

document.addEventListener('visibilitychange', () => shown && !document.hidden && seen());
part('close').addEventListener('click', () => tell({ kind: 'close' }));
addEventListener('keydown', event => event.key === 'Escape' && !event.defaultPrevented && tell({ kind: 'close' }));

function focusInside() {
  if (!attentive) return;
  const panel = document.querySelector('chat-panel');
  if (!part('door').hidden) part('f-name')?.focus();
  else (panel?.renderRoot?.querySelector('chat-composer') ?? main).focus();
}

/* What is shown */

function show(...ids) {
  for (const id of ['loading', 'door', 'waiting', 'conversation']) part(id).hidden = !ids.includes(id);
}

function showDoor() {
  show('door');
  focusInside();
}

function showPlace() {
  part('place').textContent = place?.place
    ? t('You are number {n} in line', { n: number(place.place) })
    : t('We will be with you soon');
  const minutes = Math.max(1, Math.round((place?.expected_s ?? 0) / 60));
  part('expected').textContent =
    place?.expected_s == null
      ? t('You can write already.')
      : tn('About {n} minute. You can write already.', 'About {n} minutes. You can write already.', minutes);
}

function watchPlace(session, state) {
  stopPlace?.();
  const waits = () => part('waiting').hidden === false;
  const update = rows => {
    place = rows[0] ?? place;
    showPlace();
  };
  const stops = [
    bus.subscribe(`place:${session}`, { onSnapshot: update, onDelta: ({ set }) => set?.length && update(set) }),
    bus.subscribe(`session:${session}`, {
      onEvent: ({ type }) => {
        if (type === 'core.agent_joined' || type === 'core.session_ended') part('waiting').hidden = true;
        if (type === 'core.agent_left') part('waiting').hidden = false;
      },
    }),
  ];
  stopPlace = () => stops.forEach(stop => stop());
  part('waiting').hidden = !['waiting', 'offered'].includes(state);
  if (waits()) showPlace();
}

function open({ session, state, place: now, chat }) {
  place = now;
  const panel = document.createElement('chat-panel');
  panel.start = chat;
  panel.again = true;
  panel.addEventListener('chat-again', contactAgain);
  part('conversation').replaceChildren(panel);
  show('conversation');
  watchPlace(session, state);
  panel.updateComplete.then(focusInside);
}

async function resume() {
  if (!token) return showDoor();
  remember(token);
  try {
    open(await ask(`${path}/state${said}`));
  } catch (error) {
    if (![401, 403, 404].includes(error.status)) return later();
    remember(null);
    showDoor();
  }
}

// The server cannot be reached: the token may be good, so it stays.
function later() {
  part('loading').lastChild.textContent = t('The server cannot be reached. Trying again…');
  setTimeout(resume, 3_000 + Math.random() * 4_000);
}

async function enter(call) {
  const answer = await call;
  if (answer.token) remember(answer.token);
  await resume();
}

async function contactAgain() {
  try {
    const answer = await ask(`${path}/again${said}`, { method: 'POST', body: {} });
    remember(answer.token ?? token);
    location.reload(); // the bus has proved to be the old one; begin as the new
  } catch (error) {
    refuse(error);
  }
}

/* The door */

const door = part('door');

function refuse({ details, message }) {
  const input = part(`f-${details?.field}`);
  for (const other of door.querySelectorAll('input')) other.removeAttribute('aria-invalid');
  input?.setAttribute('aria-invalid', 'true');
  const box = part('refusal');
  box.textContent = message;
  box.hidden = false;
  input?.focus();
}

door.addEventListener('submit', async event => {
  event.preventDefault();
  const button = door.querySelector('button');
  const { name, email } = Object.fromEntries(new FormData(door));
  button.setAttribute('aria-busy', 'true');
  button.disabled = true;
  attentive = true;
  try {
    await enter(ask(`${path}/start${said}`, { method: 'POST', body: { name, email } }));
  } catch (error) {
    refuse(error);
  } finally {
    button.disabled = false;
    button.removeAttribute('aria-busy');
  }
});

/** What the site around us keeps for us; it says so in its first word, if there is a site. */
const kept = () =>
  new Promise(resolve => {
    greeted = resolve;
    setTimeout(resolve, parent === window ? 0 : GREETED_MS);
  });

token = storage ? storage.getItem(STORED) : ((await kept()) ?? null);
await resume();
