import { css } from '@offhook/ui';

export const styles = css`
  :host {
    position: relative;
    display: flex;
    flex: 1 1 auto;
    flex-direction: column;
    min-inline-size: 0;
    min-block-size: 0;
    background: var(--bg);
  }
  :host([side='customer']) {
    min-block-size: 280px;
    border: 1px solid var(--line);
    border-radius: var(--r-l);
    overflow: hidden;
  }
  .log {
    flex: 1;
    min-block-size: 0;
    overflow: hidden auto;
    overflow-anchor: none;
    overscroll-behavior: contain;
  }
  .log:focus-visible {
    outline-offset: -3px;
  }
  .events {
    display: flex;
    flex-direction: column;
    gap: var(--s-2);
    justify-content: flex-end;
    min-block-size: 100%;
    padding: var(--s-4) var(--s-5);
  }
  .day,
  .visit {
    display: flex;
    gap: var(--s-3);
    align-items: center;
    margin-block: var(--s-2);
    color: var(--ink-2);
    font-size: var(--text-xs);
    font-weight: 600;
  }
  .day {
    align-self: center;
    padding: 2px 12px;
    border-radius: var(--pill);
    background: var(--surface-2);
  }
  .visit {
    align-self: stretch;
    margin-block: var(--s-4);
  }
  .visit::before,
  .visit::after {
    content: '';
    flex: 1;
    border-block-start: 1px solid var(--line);
  }
  .line {
    display: flex;
    gap: 6px;
    align-items: center;
    align-self: center;
    justify-content: center;
    max-inline-size: 92%;
    color: var(--ink-2);
    font-size: var(--text-s);
    text-align: center;
  }
  .line .at {
    white-space: nowrap;
  }
  .greeting {
    align-self: center;
    max-inline-size: 44ch;
    padding: var(--s-3) var(--s-4);
    color: var(--ink-2);
    text-align: center;
    white-space: pre-wrap;
  }
  .bubble {
    display: grid;
    gap: 2px;
    align-self: flex-start;
    max-inline-size: min(68%, 60ch);
    min-inline-size: 72px;
    padding: 8px 12px;
    border: 1px solid var(--line);
    border-radius: 14px;
    border-end-start-radius: 4px;
    background: var(--surface);
    box-shadow: var(--shadow);
    overflow-wrap: anywhere;
  }
  .bubble.grouped {
    margin-block-start: -4px;
  }
  .bubble.ours {
    align-self: flex-end;
    border-color: transparent;
    border-end-start-radius: 14px;
    border-end-end-radius: 4px;
    background: var(--accent-solid);
    color: var(--on-solid);
  }
  a {
    color: var(--accent);
  }
  .ours a,
  .ours .when {
    color: inherit;
  }
  .ours :focus-visible {
    outline-color: currentColor;
  }
  .from {
    font-size: var(--text-xs);
    font-weight: 650;
    color: var(--ink-2);
  }
  .ours .from {
    color: var(--on-solid-2);
  }
  .text {
    overflow: clip;
    white-space: pre-wrap;
  }
  .text.gone {
    font-style: italic;
    opacity: 0.85;
  }
  .when {
    color: var(--ink-2);
    font-size: 0.6875rem;
    font-variant-numeric: tabular-nums;
    text-align: end;
  }
  .bubble.pending {
    border: 1px dashed var(--accent-line);
    background: var(--accent-soft);
    color: var(--ink);
  }
  .pending .when {
    color: var(--ink-2);
  }
  .bubble.failed {
    border: 1px solid var(--bad);
    background: var(--bad-soft);
  }
  .pending progress,
  .pending progress::-webkit-progress-bar {
    background: var(--surface);
  }
  .why {
    display: flex;
    gap: 6px;
    align-items: center;
    color: var(--bad);
    font-size: var(--text-s);
    font-weight: 600;
  }
  .again {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s-1);
    justify-content: flex-end;
    margin-block-start: var(--s-1);
  }
  .upload {
    inline-size: min(320px, 86%);
  }
  .file-row {
    display: flex;
    gap: var(--s-2);
    align-items: center;
  }
  .file-row .name {
    flex: 1;
    min-inline-size: 0;
    font-weight: 600;
  }
  .banner {
    display: flex;
    gap: var(--s-2);
    align-items: center;
    justify-content: center;
    padding: 6px var(--s-4);
    background: var(--warn-soft);
    color: var(--warn);
    font-size: var(--text-s);
    font-weight: 600;
  }
  .banner.ok {
    background: var(--ok-soft);
    color: var(--ok);
  }
  .foot {
    position: relative;
  }
  .typing {
    block-size: 20px;
    padding-inline: var(--s-5);
    overflow: hidden;
    color: var(--ink-2);
    font-size: var(--text-s);
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .jump {
    position: absolute;
    inset-block-end: calc(100% + var(--s-1));
    inset-inline-end: var(--s-5);
    z-index: 5;
    border-radius: var(--pill);
    box-shadow: var(--shadow-l);
  }
  .ended {
    display: flex;
    flex-wrap: wrap;
    gap: var(--s-2) var(--s-3);
    align-items: center;
    justify-content: center;
    padding: var(--s-3) var(--s-4);
    border-block-start: 1px solid var(--line);
    background: var(--surface);
    color: var(--ink-2);
    text-align: center;
  }
  .drop {
    position: absolute;
    inset: var(--s-2);
    z-index: 10;
    display: grid;
    place-content: center;
    justify-items: center;
    gap: var(--s-2);
    border: 2px dashed var(--accent);
    border-radius: var(--r);
    background: color-mix(in oklab, var(--accent-soft) 92%, transparent);
    color: var(--accent);
    font-weight: 650;
    pointer-events: none;
  }
  .drop .icon {
    inline-size: 32px;
    block-size: 32px;
  }
  .earlier {
    align-self: center;
  }
  @media (width <= 720px) {
    .events {
      padding: var(--s-3);
    }
    .bubble {
      max-inline-size: 86%;
    }
    .typing {
      padding-inline: var(--s-3);
    }
  }
`;
