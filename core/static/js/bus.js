// @offhook/bus: one WebSocket per page for core and every plugin.
//
// Stream topics carry events numbered n without gaps; state topics a snapshot and then deltas
// numbered v. The bus resumes both after a break, drops what it has had, and sends again,
// under the same id, what was never acknowledged.

const PATIENCE_MS = 70_000; // the server pings every 25 s at the slowest
const ACK_MS = 15_000;
const STABLE_MS = 5_000;
const FIRST_WAIT_MS = 300;
const MAX_WAIT_MS = 30_000;
const RESTART_SPREAD_MS = 7_000;
const GAP_TRIES = 3;

const CLOSE = { restart: 1012, overload: 1013, signedOut: 4401 };

const meta = name => document.querySelector(`meta[name="${name}"]`)?.content ?? '';

export class BusError extends Error {
  constructor({ code, message }) {
    super(message ?? code);
    this.code = code;
  }
}

export function waitBefore(attempt, code, random = Math.random) {
  const ceiling =
    code === CLOSE.restart && attempt === 0
      ? RESTART_SPREAD_MS
      : Math.min(MAX_WAIT_MS, (code === CLOSE.overload ? 8_000 : 1_000) * 2 ** attempt);
  return FIRST_WAIT_MS + random() * (ceiling - FIRST_WAIT_MS);
}

class Subscription {
  constructor(handlers, after) {
    this.handlers = handlers;
    this.last = after ?? null;
  }
}

class Topic {
  subscriptions = new Set();
  version = null;
  request = null; // id of the subscribe that is not answered yet
  gap = { at: null, tries: 0 };

  get after() {
    const lasts = [...this.subscriptions].map(s => s.last).filter(n => n !== null);
    return lasts.length ? Math.min(...lasts) : undefined;
  }

  get newest() {
    const lasts = [...this.subscriptions].map(s => s.last).filter(n => n !== null);
    return lasts.length ? Math.max(...lasts) : null;
  }
}

export class Bus extends EventTarget {
  state = 'idle'; // idle, connecting, online, offline, signed-out
  #root;
  #bearer;
  #socket = null;
  #topics = new Map();
  #sends = new Map(); // id -> {frame, sentAt, resolve, reject}, in the order of sending
  #attempt = 0;
  #count = 0;
  #skew = 0;
  #heardAt = 0;
  #timer = null;
  #stable = null;
  #watch = null;
  #dialling = false;

  constructor({ root = meta('root'), bearer = null } = {}) {
    super();
    this.#root = root;
    this.#bearer = bearer;
    const now = Number(meta('now'));
    if (now) this.#skew = now - Date.now();
    addEventListener('online', () => this.#soon());
    addEventListener('offline', () => this.#socket?.close());
    addEventListener('pageshow', e => e.persisted && this.#soon());
    document.addEventListener('visibilitychange', () => document.hidden || this.#soon());
  }

  /** Where the server is and how to prove who we are; the widget calls this before anything else. */
  configure({ root, bearer }) {
    this.#root = root ?? this.#root;
    this.#bearer = bearer ?? this.#bearer;
  }

  /** Milliseconds since 1970 by the server's clock. */
  now() {
    return Date.now() + this.#skew;
  }

  /**
   * Listen to a topic; returns a function that stops.
   * handlers: onEvent(event), onSignal(event) for what passes and is not kept, onSnapshot(snapshot, v), onDelta({set, gone}, v), onState(state), onError(error).
   * after: the last n already known; without it only what is new from now on.
   */
  subscribe(name, handlers, { after } = {}) {
    let topic = this.#topics.get(name);
    if (!topic) this.#topics.set(name, (topic = new Topic()));
    const subscription = new Subscription(handlers, after ?? topic.newest);
    topic.subscriptions.add(subscription);
    this.#ask(name, topic);
    this.#connect();
    return () => this.#unsubscribe(name, topic, subscription);
  }

  /**
   * Send a message; resolves with the server's answer, rejects with BusError. Survives a break.
   * id: of an earlier try that was never answered; sent again under it, it is kept only once.
   */
  send(type, topic, data = {}, { id = uuid() } = {}) {
    const frame = JSON.stringify({ id, op: 'send', type, topic, data });
    return new Promise((resolve, reject) => {
      if (this.state === 'signed-out') {
        reject(new BusError({ code: 'signed-out' }));
        return;
      }
      this.#sends.set(id, { frame, sentAt: 0, resolve, reject });
      this.#post(this.#sends.get(id));
      this.#connect();
    });
  }

  /** How many messages wait for their acknowledgement. */
  get unsent() {
    return this.#sends.size;
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#topics.clear();
    this.#socket?.close(1000);
  }

  get #open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #unsubscribe(name, topic, subscription) {
    topic.subscriptions.delete(subscription);
    if (topic.subscriptions.size || this.#topics.get(name) !== topic) return;
    this.#topics.delete(name);
    if (this.#open) this.#socket.send(JSON.stringify({ id: this.#id(), op: 'unsubscribe', topic: name }));
  }

  #ask(name, topic) {
    if (!this.#open) return;
    topic.request = this.#id();
    const after = topic.after;
    this.#socket.send(JSON.stringify({ id: topic.request, op: 'subscribe', topic: name, after }));
  }

  #post(pending) {
    if (!this.#open) return;
    pending.sentAt = Date.now();
    this.#socket.send(pending.frame);
  }

  #id() {
    return `c${++this.#count}`;
  }

  #soon() {
    if (this.state !== 'offline' || this.#dialling) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#dial(), FIRST_WAIT_MS * (1 + Math.random()));
  }

  #connect() {
    if (this.state === 'idle') this.#dial();
  }

  async #dial() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#dialling || this.#open || this.state === 'signed-out') return;
    this.#dialling = true;
    this.#set('connecting');
    try {
      const response = await fetch(`${this.#root}/realtime/ticket`, {
        method: 'POST',
        headers: this.#bearer
          ? { Authorization: `Bearer ${this.#bearer}` }
          : { 'X-CSRF-Token': meta('csrf') },
      });
      if (response.status === 401 || response.status === 403) return this.#signedOut();
      if (!response.ok) throw new Error(`ticket refused with ${response.status}`);
      this.#open_((await response.json()).ticket);
    } catch {
      this.#later(0);
    } finally {
      this.#dialling = false;
    }
  }

  #open_(ticket) {
    const url = new URL(`${this.#root}/realtime`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    url.searchParams.set('ticket', ticket);
    const socket = (this.#socket = new WebSocket(url));
    socket.onopen = () => this.#opened();
    socket.onmessage = event => this.#heard(JSON.parse(event.data), socket);
    socket.onclose = event => socket === this.#socket && this.#closed(event.code);
  }

  #opened() {
    this.#heardAt = Date.now();
    this.#stable = setTimeout(() => (this.#attempt = 0), STABLE_MS);
    this.#watch = setInterval(() => this.#check(), 5_000);
    for (const topic of this.#topics.values()) topic.request = null;
    for (const [name, topic] of this.#topics) this.#ask(name, topic);
    for (const pending of this.#sends.values()) this.#post(pending);
    this.#set('online');
  }

  #closed(code) {
    clearTimeout(this.#stable);
    clearInterval(this.#watch);
    this.#socket = null;
    if (code === CLOSE.signedOut) return this.#signedOut();
    if (!this.#topics.size && !this.#sends.size) return this.#set('idle');
    this.#later(code);
  }

  #later(code) {
    this.#set('offline');
    this.#timer = setTimeout(() => this.#dial(), waitBefore(this.#attempt++, code));
  }

  #signedOut() {
    this.#set('signed-out');
    for (const { reject } of this.#sends.values()) reject(new BusError({ code: 'signed-out' }));
    this.#sends.clear();
  }

  // A socket can be dead without being closed: nothing heard, or nothing acknowledged.
  #check() {
    const now = Date.now();
    const stuck = [...this.#sends.values()].some(p => p.sentAt && now - p.sentAt > ACK_MS);
    if (now - this.#heardAt < PATIENCE_MS && !stuck) return;
    const socket = this.#socket;
    this.#closed(0);
    socket?.close();
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: state }));
    for (const topic of this.#topics.values())
      for (const { handlers } of topic.subscriptions) handlers.onState?.(state);
  }

  #heard(frame, socket) {
    this.#heardAt = Date.now();
    if (frame.op === 'ping') {
      socket.send('{"op":"pong"}');
      if (frame.now) this.#skew = frame.now - Date.now();
    } else if (frame.topic && 'n' in frame) this.#event(frame);
    else if (frame.topic && 'snapshot' in frame) this.#snapshot(frame);
    else if (frame.topic && 'delta' in frame) this.#delta(frame);
    else if (frame.topic && frame.type) this.#signal(frame);
    else if (frame.id) this.#answer(frame);
  }

  #signal(frame) {
    const topic = this.#topics.get(frame.topic);
    for (const { handlers } of topic?.subscriptions ?? []) handlers.onSignal?.(frame);
  }

  #answer({ id, ok, error }) {
    const pending = this.#sends.get(id);
    if (pending) {
      this.#sends.delete(id);
      if (error) pending.reject(new BusError(error));
      else pending.resolve(ok);
      return;
    }
    for (const [name, topic] of this.#topics) {
      if (topic.request !== id) continue;
      topic.request = null;
      if (!error) return;
      this.#topics.delete(name);
      for (const { handlers } of topic.subscriptions) handlers.onError?.(new BusError(error));
    }
  }

  #event(frame) {
    const topic = this.#topics.get(frame.topic);
    if (!topic) return;
    const after = topic.after;
    if (after !== undefined && frame.n > after + 1 && !this.#skips(frame, topic, after)) return;
    for (const subscription of topic.subscriptions) {
      if (subscription.last !== null && frame.n <= subscription.last) continue;
      subscription.last = frame.n;
      subscription.handlers.onEvent?.(frame);
    }
  }

  // Something between is missing: ask for it, and let this event come again after it. Only a
  // server that keeps leaving the same hole has nothing to put there.
  #skips(frame, topic, after) {
    if (topic.gap.at !== after) topic.gap = { at: after, tries: 0 };
    if (topic.request) return false;
    if (topic.gap.tries >= GAP_TRIES) return true;
    topic.gap.tries += 1;
    this.#ask(frame.topic, topic);
    return false;
  }

  #snapshot(frame) {
    const topic = this.#topics.get(frame.topic);
    if (!topic) return;
    topic.version = frame.v;
    for (const { handlers } of topic.subscriptions) handlers.onSnapshot?.(frame.snapshot, frame.v);
  }

  #delta(frame) {
    const topic = this.#topics.get(frame.topic);
    if (!topic || topic.version === null || frame.v <= topic.version) return;
    if (frame.v > topic.version + 1) {
      topic.version = null; // until the new snapshot comes
      if (!topic.request) this.#ask(frame.topic, topic);
      return;
    }
    topic.version = frame.v;
    for (const { handlers } of topic.subscriptions) handlers.onDelta?.(frame.delta, frame.v);
  }
}

// crypto.randomUUID exists only in secure contexts; an intranet by plain http is not one.
export function uuid() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = [...b].map(x => x.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export const bus = new Bus();
