// The agent's session page: when the session moves, its bar is fetched anew.
import { bus } from '@offhook/bus';

const MOVES = new Set(['core.customer_arrived', 'core.agent_joined', 'core.agent_left', 'core.session_ended', 'core.link_withdrawn']);
const place = document.querySelector('main[data-session]');
const refresh = () => place.querySelector('.session-bar').dispatchEvent(new Event('session-moved'));

bus.subscribe(
  `session:${place.dataset.session}`,
  {
    onEvent: ({ type }) => {
      if (MOVES.has(type)) refresh();
    },
  },
  { after: Number(place.dataset.n) },
);

bus.subscribe(`presence:${place.dataset.session}`, {
  onDelta: ({ set = [] }) => {
    if (set.some(row => row.id === 'customer')) refresh();
  },
});
