// What the rows of the room mean for one agent: whose they are, in which group, in what order.

const LATE_MS = 3 * 60_000;
const OVER_MS = 8 * 60_000;

export const isInvited = row => row.state === 'scheduled';
export const isAttended = row => row.state === 'active' || row.state === 'interrupted';
export const isWaiting = row => !isInvited(row) && !isAttended(row);
export const isMine = (row, me) => row.owner?.id === me || row.agent?.id === me;
export const isAttendedBy = (row, me) => isAttended(row) && row.agent?.id === me;

/** Milliseconds in the waiting room so far, by the server's clock. */
export const waited = (row, now) => Math.max(0, now - (row.enqueued_at_ms ?? row.created_at_ms));

/** Which colour the waiting clock has: none, late or over. */
export const age = ms => (ms > OVER_MS ? 'over' : ms > LATE_MS ? 'late' : '');

// Attended by me, then connected, then gone for the moment, then attended by others.
function rank(row, me) {
  if (isAttended(row)) return row.agent?.id === me ? 0 : 3;
  return row.online ? 1 : 2;
}

const byTurn = me => (a, b) =>
  rank(a, me) - rank(b, me) ||
  b.priority - a.priority ||
  (a.enqueued_at_ms ?? a.created_at_ms) - (b.enqueued_at_ms ?? b.created_at_ms);

const byDate = (a, b) =>
  (a.scheduled_for_ms ?? a.created_at_ms) - (b.scheduled_for_ms ?? b.created_at_ms);

/** The groups of a view. dark: only what this agent owns or attends. */
export function groups(rows, me, dark) {
  const own = rows.filter(row => isMine(row, me));
  const rest = dark ? [] : rows.filter(row => !isMine(row, me));
  const here = list => list.filter(row => !isInvited(row)).sort(byTurn(me));
  return {
    own: here(own),
    rest: here(rest),
    invited: [...own.filter(isInvited).sort(byDate), ...rest.filter(isInvited).sort(byDate)],
  };
}
