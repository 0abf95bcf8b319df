// How the scripts of chat ask the server: by the page's cookie, or in the widget by its token.
import { base, csrf, t } from '@offhook/ui';

let bearer = null;

/** From now on prove who we are with token; null: with the cookie again. */
export function useBearer(token) {
  bearer = token;
}

/** In a foreign site's frame there is no cookie: what a link or an image would load needs the token, too. */
export const isFramed = () => bearer !== null;

export const headers = () => (bearer ? { Authorization: `Bearer ${bearer}` } : { 'X-CSRF-Token': csrf() });

export const address = path => base + path;

/** Ask for JSON; throws an Error with message, code and status. */
export async function ask(path, { body, ...options } = {}) {
  const response = await fetch(address(path), {
    ...options,
    headers: {
      Accept: 'application/json',
      ...headers(),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok)
    throw Object.assign(new Error(answer.message ?? t('That did not work.')), {
      ...answer,
      status: response.status,
    });
  return answer;
}

/** The bytes behind path as an address this page may show or save. The caller revokes it. */
export async function objectUrl(path) {
  const response = await fetch(address(path), { headers: headers() });
  if (!response.ok) throw new Error(t('That did not work.'));
  return URL.createObjectURL(await response.blob());
}
