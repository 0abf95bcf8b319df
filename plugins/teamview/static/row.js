// One session in the room.
import { avatar, clock, dateTime, day, html, icon, mmss, nothing, t } from '@offhook/ui';
import { bus } from '@offhook/bus';
import { age, isAttended, isAttendedBy, isInvited, isWaiting, waited } from '@offhook/teamview/rows.js';

const CHANNELS = { chat: 'message-square', video: 'video', phone: 'phone', email: 'mail', sms: 'smartphone' };
const channelName = channel =>
  ({ chat: t('Chat'), video: t('Video'), phone: t('Phone'), email: t('E-mail'), sms: t('SMS') })[channel] ?? channel;

const PRIORITIES = {
  2: () => ['bad', 'chevron-up', t('Urgent')],
  1: () => ['warn', 'chevron-up', t('High')],
  '-1': () => ['', 'chevron-down', t('Low')],
  '-2': () => ['', 'chevron-down', t('Lowest')],
};

const isToday = ms => day(ms) === day(bus.now());
const moment = ms => (isToday(ms) ? clock(ms) : dateTime(ms));

/** Why this session cannot be attended now; empty: it can. */
export function obstacle(row) {
  if (isInvited(row)) {
    if (row.scheduled_for_ms) return t('Expected at {time}', { time: moment(row.scheduled_for_ms) });
    return t('Has not arrived yet');
  }
  if (row.online) return '';
  if (!row.online_changed_ms) return t('Not connected');
  return t('Not connected since {time}', { time: moment(row.online_changed_ms) });
}

function presence(row) {
  return row.online ? 'online' : 'offline';
}

function timer(row) {
  if (!isWaiting(row)) return html`<span class="timer"></span>`;
  if (!row.online) return html`<span class="timer" aria-hidden="true">—</span>`;
  const ms = waited(row, bus.now());
  return html`<span class="timer ${age(ms)}" title=${t('Time in the waiting room')}>${mmss(ms)}</span>`;
}

function marks(row, room) {
  const [tone, name, title] = PRIORITIES[row.priority]?.() ?? [];
  return html`${title ? html`<span class="pill ${tone}">${icon(name)}${title}</span>` : nothing}
    ${row.unread ? html`<span class="pill accent">${icon('message-square')}${t('New message')}</span>` : nothing}
    ${person(row, room)}`;
}

function person(row, room) {
  if (isAttendedBy(row, room.me)) return html`<span class="pill ok">${icon('user-check')}${t('With you')}</span>`;
  if (isAttended(row))
    return html`<span class="pill">${icon('headset')}<span class="cut">${t('With {name}', { name: row.agent?.name ?? '' })}</span></span>`;
  if (row.owner?.id === room.me) return nothing;
  if (!row.owner) return nothing;
  return html`<span class="for cut">${t('Waits for {name}', { name: row.owner.name })}</span>`;
}

function meta(row, room) {
  const why = isAttended(row) ? '' : obstacle(row);
  return html`<span class="meta"
    >${icon(CHANNELS[row.channel] ?? 'circle')}<span class=${row.queue ? 'sr' : ''}>${channelName(row.channel)}</span>
    ${row.queue ? html`<span class="line cut">${row.queue}</span>` : nothing}
    ${why ? html`<span class="why">${why}</span>` : html`<span class="sr">${t('Connected')}</span>`} ${marks(row, room)}</span
  >`;
}

function mainAction(row, room) {
  if (isAttendedBy(row, room.me))
    return html`<a class="btn mini" href=${room.page(row)}>${t('Open')}<span class="sr"> ${row.customer}</span></a>`;
  if (isAttended(row) || !room.may.attend) return nothing;
  const why = obstacle(row);
  return html`<button
    class="btn primary mini attend"
    aria-disabled=${why ? 'true' : nothing}
    aria-busy=${room.busy === row.id ? 'true' : nothing}
    title=${why || nothing}
    @click=${() => room.attend(row, why)}
  >${t('Attend')}<span class="sr"> ${row.customer}${why ? ` (${why})` : ''}</span></button>`;
}

function steps(row, room) {
  if (!room.may.priority || isAttended(row)) return html`<span class="steps"></span>`;
  const step = (by, name, label) =>
    html`<button class="btn ghost mini icon-only" ?disabled=${Math.abs(row.priority + by) > 2} title=${label} @click=${() => room.prioritise(row, by)}>${icon(name)}<span class="sr">${label}: ${row.customer}</span></button>`;
  return html`<span class="steps">${step(1, 'chevron-up', t('Raise priority'))}${step(-1, 'chevron-down', t('Lower priority'))}</span>`;
}

function menu(row, room) {
  const open = room.menu === row.id;
  return html`<span class="more">
    <button class="btn ghost mini icon-only" aria-expanded=${open} data-menu=${row.id} @click=${() => room.toggleMenu(row.id)}>
      ${icon('ellipsis-vertical')}<span class="sr">${t('More for {name}', { name: row.customer })}</span>
    </button>
    ${open ? html`<div class="menu-panel" @click=${() => room.toggleMenu(null)}>${items(row, room)}</div>` : nothing}
  </span>`;
}

function items(row, room) {
  const priority = room.may.priority && !isAttended(row);
  return html`<a class="item" href=${room.page(row)}>${icon('arrow-up-right')}${t('Open')}</a>
    ${priority && row.priority < 2 ? html`<button class="item" @click=${() => room.prioritise(row, 1)}>${icon('chevron-up')}${t('Raise priority')}</button>` : nothing}
    ${priority && row.priority > -2 ? html`<button class="item" @click=${() => room.prioritise(row, -1)}>${icon('chevron-down')}${t('Lower priority')}</button>` : nothing}
    ${room.may.delete ? html`<button class="item danger" @click=${() => room.remove(row)}>${icon('x')}${t('Delete…')}</button>` : nothing}`;
}

export function rowOf(row, room) {
  return html`<li ?data-open=${room.menu === row.id} ?data-current=${room.current === row.id}>
    ${avatar(row.customer, presence(row))}
    <a class="name cut" href=${room.page(row)} aria-current=${room.current === row.id ? 'true' : nothing}><bdi>${row.customer}</bdi></a>
    ${timer(row)} ${meta(row, room)}
    <span class="acts">${steps(row, room)}${mainAction(row, room)}${menu(row, room)}</span>
  </li>`;
}
