// <chat-file>: one file of the conversation, to look at and to save.
import { OffhookElement, css, fileSize, html, icon, nothing, t, toast } from '@offhook/ui';
import { address, isFramed, objectUrl } from './api.js';

const SHOWN = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

const look = type => {
  if (type.startsWith('image/')) return 'image';
  if (type.startsWith('video/')) return 'video';
  return type.startsWith('text/') || type === 'application/pdf' ? 'file-text' : 'file';
};

class ChatFile extends OffhookElement {
  static properties = {
    file: { attribute: false }, // {file, name, size, media_type}
    side: {},
    source: { state: true },
    broken: { state: true },
  };

  static styles = css`
    :host {
      display: block;
      max-inline-size: 100%;
    }
    a.line,
    button.line {
      display: flex;
      gap: var(--s-3);
      align-items: center;
      inline-size: 100%;
      padding: 0;
      border: 0;
      background: none;
      color: inherit;
      text-align: start;
      text-decoration: none;
      cursor: pointer;
    }
    .line:hover .name {
      text-decoration: underline;
    }
    .line:focus-visible {
      outline-color: currentColor;
    }
    .kind {
      display: grid;
      flex: none;
      place-items: center;
      inline-size: 38px;
      block-size: 38px;
      border-radius: var(--r-s);
      background: color-mix(in oklab, currentColor 12%, transparent);
    }
    .what {
      min-inline-size: 0;
    }
    .name {
      display: block;
      font-weight: 600;
      overflow-wrap: anywhere;
    }
    .size {
      font-size: var(--text-xs);
    }
    .get {
      margin-inline-start: auto;
      opacity: 0.8;
    }
    img {
      display: block;
      max-inline-size: min(300px, 100%);
      max-block-size: 260px;
      margin-block-end: var(--s-2);
      border-radius: var(--r-s);
      background: color-mix(in oklab, currentColor 8%, transparent);
      object-fit: contain;
    }
  `;

  #path() {
    const id = encodeURIComponent(this.file.file);
    return this.side === 'customer' ? `/visit/files/${id}` : `/files/${id}`;
  }

  connectedCallback() {
    super.connectedCallback();
    if (SHOWN.has(this.file.media_type)) this.#preview();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (this.source?.startsWith('blob:')) URL.revokeObjectURL(this.source);
    this.source = undefined;
  }

  async #preview() {
    if (!isFramed()) {
      this.source = address(this.#path());
      return;
    }
    try {
      const url = await objectUrl(this.#path());
      if (this.isConnected) this.source = url;
      else URL.revokeObjectURL(url);
    } catch {
      this.broken = true;
    }
  }

  async #save() {
    try {
      const url = await objectUrl(this.#path());
      const link = Object.assign(document.createElement('a'), { href: url, download: this.file.name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      toast(error.message);
    }
  }

  render() {
    const { name, size, media_type: type } = this.file;
    const inside = html`<span class="kind">${icon(look(type ?? ''))}</span><span class="what"><span class="name"><bdi>${name}</bdi></span><span class="size">${fileSize(size ?? 0)}</span></span><span class="get">${icon('download')}<span class="sr">${t('Save')}</span></span>`;
    const line = isFramed()
      ? html`<button class="line" type="button" @click=${this.#save}>${inside}</button>`
      : html`<a class="line" href=${address(this.#path())} download=${name}>${inside}</a>`;
    const image =
      this.source && !this.broken
        ? html`<img src=${this.source} alt=${name} loading="lazy" @error=${() => (this.broken = true)} />`
        : nothing;
    return [image, line];
  }
}

customElements.define('chat-file', ChatFile);
