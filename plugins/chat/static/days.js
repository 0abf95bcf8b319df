// Days as a reader names them. Making a formatter is dear, so there is one of each.
import { bus } from '@offhook/bus';
import { locale, zone } from '@offhook/ui';

const full = new Intl.DateTimeFormat(locale, { timeZone: zone, dateStyle: 'full' });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
const known = new Map(); // quarter of an hour since 1970 -> its day; no zone changes day within one
const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const MOST = 5_000;

/** The day of ms; two times are of one day when it is the same. */
export function dayOf(ms) {
  const quarter = Math.floor(ms / QUARTER_MS);
  let name = known.get(quarter);
  if (name === undefined) {
    if (known.size > MOST) known.clear();
    known.set(quarter, (name = full.format(ms)));
  }
  return name;
}

export function dayTitle(ms) {
  const name = dayOf(ms);
  const now = bus.now();
  const back = [0, -1].find(days => dayOf(now + days * DAY_MS) === name);
  const text = back === undefined ? name : relative.format(back, 'day');
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}
