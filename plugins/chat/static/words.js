// Text of people, made into nodes: never into markup.
import { html } from '@offhook/ui';

const LINK = /https?:\/\/[^\s<>"'`\u0000-\u001f]{3,2000}/giu;
const AFTER_A_LINK = /[.,:;!?…、。，]+$/u;
const BIDI = /[\u202a-\u202e\u2066-\u2069]/gu;

/** text with its http and https addresses as links. */
export function withLinks(text) {
  const pieces = [];
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    const shown = trimmed(match[0]);
    const url = safe(shown);
    if (!url) continue;
    pieces.push(text.slice(done, match.index), link(shown, url));
    done = match.index + shown.length;
  }
  pieces.push(text.slice(done));
  return pieces;
}

function trimmed(found) {
  let shown = found.replace(AFTER_A_LINK, '');
  if (shown.endsWith(')') && !shown.includes('(')) shown = shown.slice(0, -1).replace(AFTER_A_LINK, '');
  return shown;
}

// No user name before the host: https://bank.example@evil.example leads to the second.
function safe(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  const known = url && (url.protocol === 'https:' || url.protocol === 'http:');
  return known && !url.username && !url.password ? url : null;
}

// A host in letters of other alphabets says beside it what the browser will ask for.
function link(shown, url) {
  const disguised = !shown.toLowerCase().includes(url.hostname);
  return html`<a href=${url.href} target="_blank" rel="noopener noreferrer nofollow">${shown}</a>${disguised ? ` (${url.hostname})` : ''}`;
}

/** Fill {name} in the line of an event, each value kept from turning the rest around. */
export const sentence = (text, values) =>
  text.split(/\{(\w+)\}/).map((piece, index) => (index % 2 ? html`<bdi>${shown(values[piece])}</bdi>` : piece));

const shown = value => String(value ?? '').replace(BIDI, '');

/** Fill the variables of a quick response. */
export const filled = (text, names) => text.replace(/\{(\w+)\}/g, (all, name) => names[name] ?? all);
