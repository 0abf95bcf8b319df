// The look of the room. It follows its own width, so the same rows are wide on the home page
// and narrow beside an open session or on a phone.
import { css } from '@offhook/ui';

export const styles = css`
  .room {
    container-type: inline-size;
  }

  .bar {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s-3);
    align-items: center;
    justify-content: space-between;
    margin-block-end: var(--s-4);
  }

  .tabs {
    min-inline-size: min(320px, 100%);
  }

  [role='tabpanel'] {
    display: grid;
    gap: var(--s-5);
  }

  h2.eyebrow,
  summary.eyebrow {
    padding: 0 var(--s-2) var(--s-2);
  }

  summary.eyebrow {
    list-style: none;
    cursor: pointer;
  }

  summary.eyebrow::-webkit-details-marker {
    display: none;
  }

  summary .icon {
    transition: transform var(--quick);
  }

  details[open] > summary .icon {
    transform: rotate(90deg);
  }

  .list {
    border: 1px solid var(--line);
    border-radius: var(--r);
    background: var(--surface);
  }

  .empty {
    border: 1px dashed var(--line);
    border-radius: var(--r);
    background: var(--surface);
  }

  li {
    position: relative;
    display: grid;
    grid-template-columns: 38px minmax(0, 1fr) auto auto;
    column-gap: var(--s-3);
    align-items: center;
    padding: 10px var(--s-4);
    content-visibility: auto;
    contain-intrinsic-size: auto 62px;
  }

  li + li {
    border-block-start: 1px solid var(--line);
  }

  li:first-child {
    border-start-start-radius: var(--r);
    border-start-end-radius: var(--r);
  }

  li:last-child {
    border-end-start-radius: var(--r);
    border-end-end-radius: var(--r);
  }

  li:hover {
    background: color-mix(in oklab, var(--surface-2) 55%, transparent);
  }

  li[data-current] {
    background: var(--accent-soft);
  }

  li[data-open] {
    z-index: 2;
    content-visibility: visible;
  }

  .avatar,
  .timer,
  .acts {
    grid-row: 1 / span 2;
  }

  .name {
    justify-self: start;
    max-inline-size: 100%;
    color: var(--ink);
    font-weight: 650;
    text-decoration: none;
  }

  .name:hover {
    text-decoration: underline;
  }

  .meta {
    display: flex;
    flex-wrap: wrap;
    grid-row: 2;
    grid-column: 2;
    gap: 2px var(--s-2);
    align-items: center;
    min-inline-size: 0;
    color: var(--ink-2);
    font-size: var(--text-s);
  }

  .line,
  .for,
  .pill .cut {
    max-inline-size: 22ch;
  }

  .pill {
    min-inline-size: 0;
  }

  .timer {
    grid-column: 3;
    min-inline-size: 4.5ch;
    font-size: var(--text-l);
    text-align: end;
  }

  .acts {
    display: flex;
    grid-column: 4;
    gap: var(--s-2);
    align-items: center;
    justify-content: flex-end;
    min-inline-size: 200px;
  }

  .attend {
    min-inline-size: 84px;
  }

  .steps {
    display: inline-flex;
    gap: 0;
    margin-inline-end: auto;
  }

  .steps .btn:disabled {
    border-color: transparent;
    background: none;
    opacity: 0.35;
  }

  .more {
    position: relative;
  }

  .more .menu-panel {
    min-inline-size: 200px;
  }

  .danger {
    color: var(--bad);
  }

  @container (width <= 620px) {
    .bar {
      gap: var(--s-2);
      margin-block-end: var(--s-3);
    }

    .tabs {
      flex: 1;
    }

    .summary {
      inline-size: 100%;
      padding-inline: var(--s-2);
      font-size: var(--text-s);
    }

    [role='tabpanel'] {
      gap: var(--s-4);
    }

    li {
      grid-template-columns: 38px minmax(0, 1fr) auto;
      row-gap: 3px;
      align-items: start;
      padding: 9px 10px;
    }

    .avatar {
      align-self: center;
    }

    .name {
      grid-row: 1;
      grid-column: 2 / span 2;
      max-inline-size: calc(100% - 6ch);
    }

    .timer {
      grid-row: 1;
      justify-self: end;
      padding-block: 1px;
      font-size: var(--text);
    }

    .acts {
      grid-row: 2;
      grid-column: 3;
      gap: 2px;
      align-self: end;
      min-inline-size: 0;
    }

    .meta {
      padding-block: 3px;
    }

    .steps {
      display: none;
    }

    .attend {
      min-inline-size: 0;
    }
  }

  :host([compact]) .bar {
    padding: 10px 12px 0;
  }

  :host([compact]) .tabs .icon {
    display: none;
  }

  :host([compact]) .tabs > * {
    padding-inline: var(--s-1);
    font-size: var(--text-s);
  }

  :host([compact]) .list {
    margin-inline: 6px;
    border: 0;
    background: none;
  }

  :host([compact]) li {
    border-radius: var(--r);
  }

  :host([compact]) li + li {
    border: 0;
  }

  :host([compact]) .eyebrow {
    padding-inline: var(--s-4);
  }
`;
