// The events a page knows, in order: those of the session at hand and, above them, of earlier ones.

export class History {
  constructor(first) {
    this.segments = [segment(first)];
    this.previous = first.previous ?? null;
  }

  get current() {
    return this.segments.at(-1);
  }

  /** The last n that has arrived in the session at hand; 0 before the first. */
  get newest() {
    return this.current.events.at(-1)?.n ?? 0;
  }

  /** Where to ask for what came before, or null at the very beginning. */
  get earlier() {
    const [top] = this.segments;
    if (top.more) return { session: top.session, before: top.events[0].n };
    return this.previous && { session: this.previous.session };
  }

  /** Take in an event that has just happened; false: it was known. Kept in order of n. */
  add(event) {
    const { events } = this.current;
    let at = events.length;
    while (at > 0 && events[at - 1].n >= event.n) at -= 1;
    if (events[at]?.n === event.n) return false;
    events.splice(at, 0, event);
    return true;
  }

  /** Put a page of earlier events on top. */
  prepend(page) {
    const [top] = this.segments;
    if (page.session === top.session) {
      const oldest = top.events[0]?.n ?? Infinity;
      top.events = [...page.events.filter(event => event.n < oldest), ...top.events];
      top.more = page.more;
      top.previous = page.previous ?? null;
    } else {
      this.segments.unshift({ ...segment(page), at: this.previous?.at, channel: this.previous?.channel });
    }
    this.previous = page.previous ?? null;
  }

  /** Forget the oldest beyond most; they can be asked for again. */
  trim(most) {
    const { current } = this;
    if (this.segments.length === 1 && current.events.length <= most) return false;
    this.segments = [current];
    if (current.events.length > most) {
      current.events = current.events.slice(-most);
      current.more = true;
      this.previous = null;
    } else this.previous = current.previous;
    return true;
  }
}

const segment = page => ({
  session: page.session,
  events: [...page.events],
  more: page.more,
  previous: page.previous ?? null,
});
