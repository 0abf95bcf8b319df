// How each kind of event looks in the conversation.
import { classMap, clock, html, icon, nothing, t } from '@offhook/ui';
import './file.js';
import { sentence, withLinks } from './words.js';

const GROUPED_MS = 300_000;
const time = ms => html`<time datetime=${new Date(ms).toISOString()}>${clock(ms)}</time>`;

const isFile = event => event.type === 'core.file_added';
const words = event => (typeof event.data?.text === 'string' ? event.data.text : event.data?.comment);

/** What kind of thing to show: bubble, file, line, or nothing. */
export function kindOf(event, lines) {
  if (event.type === 'core.internal') return null;
  if (isFile(event)) return 'file';
  if (event.type === 'chat.message') return 'bubble';
  if (lines[event.type]) return 'line';
  return typeof words(event) === 'string' && words(event) ? 'bubble' : null;
}

/** Somebody should look at this: it is neither ours nor a mere note of the system. */
export const isFrom = (event, me) =>
  ['chat.message', 'core.file_added'].includes(event.type) &&
  !(event.actor?.kind === me.kind && event.actor?.id === me.id);

export function line(event, lines) {
  const { text, icon: name } = lines[event.type];
  const values = { ...event.data, name: event.actor?.name || t('Somebody') };
  return html`<div class="line">${icon(name)}<span>${sentence(text, values)} <span class="at"><span aria-hidden="true">·</span> ${time(event.at)}</span></span></div>`;
}

/** follows: the bubble above is of the same person and hardly older. */
export const follows = (event, above) =>
  Boolean(above) &&
  above.actor?.kind === event.actor?.kind &&
  above.actor?.id === event.actor?.id &&
  event.at - above.at < GROUPED_MS;

export function bubble(event, { side, me, grouped, removed }) {
  const ours = event.actor?.kind === side;
  const mine = ours && event.actor?.id === me.id;
  return html`<div class=${classMap({ bubble: true, ours, grouped })}>
    ${mine || grouped ? nothing : html`<div class="from"><bdi>${event.actor?.name || t('Somebody')}</bdi></div>`}
    ${inside(event, side, removed)}
    <div class="when">${mine ? html`<span class="sr">${t('You')}, </span>` : nothing}${time(event.at)}</div>
  </div>`;
}

function inside(event, side, removed) {
  if (!isFile(event)) {
    const text = words(event);
    return text ? html`<div class="text" dir="auto">${withLinks(text)}</div>` : gone(t('Erased'));
  }
  if (!event.data?.file) return gone(t('Erased'));
  if (removed.has(event.data.file)) return gone(t('This file was removed.'));
  return html`<chat-file .file=${event.data} side=${side}></chat-file>`;
}

const gone = text => html`<div class="text gone">${icon('ban')} ${text}</div>`;

/** A message that the server has not acknowledged yet, or has refused. */
export function pending(item, { retry, edit, discard }) {
  const failed = item.state === 'failed';
  return html`<div class=${classMap({ bubble: true, ours: true, pending: true, failed })}>
    <div class="text" dir="auto">${withLinks(item.text)}</div>
    ${failed
      ? html`<div class="why" role="alert">${icon('circle-alert')}<span>${t('Not sent.')} ${item.why}</span></div>
          <div class="again">
            <button type="button" class="btn mini" @click=${() => retry(item)}>${icon('refresh-cw')}${t('Send again')}</button>
            <button type="button" class="btn mini" @click=${() => edit(item)}>${t('Change')}</button>
            <button type="button" class="btn mini" @click=${() => discard(item)}>${t('Discard')}</button>
          </div>`
      : html`<div class="when">${icon('clock')}<span class="sr">${t('Sending')}</span></div>`}
  </div>`;
}

/** A file on its way. */
export function upload(item, { cancel, retry }) {
  const { file, loaded, state, why, again } = item;
  const percent = file.size ? Math.round((loaded / file.size) * 100) : 0;
  return html`<div class=${classMap({ bubble: true, ours: true, pending: true, upload: true, failed: state === 'failed' })}>
    <div class="file-row">${icon('paperclip')}<span class="name"><bdi>${file.name}</bdi></span>
      ${state === 'failed' ? nothing : html`<span class="number">${percent} %</span>`}
      <button type="button" class="btn mini ghost icon-only" @click=${() => cancel(item)}>${icon('x')}<span class="sr">${state === 'failed' ? t('Discard') : t('Cancel')} ${file.name}</span></button>
    </div>
    ${state === 'failed'
      ? html`<div class="why" role="alert">${icon('circle-alert')}<span>${why}</span></div>
          ${again ? html`<div class="again"><button type="button" class="btn mini" @click=${() => retry(item)}>${icon('refresh-cw')}${t('Send again')}</button></div>` : nothing}`
      : html`<progress max="100" .value=${percent} aria-label=${t('Progress of {name}', { name: file.name })}></progress>`}
  </div>`;
}
