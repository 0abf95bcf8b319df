// Files on their way: a few at a time, each with its progress, to be cancelled or tried again.
import { number, t } from '@offhook/ui';
import { uuid } from '@offhook/bus';
import { address, headers } from './api.js';

const AT_ONCE = 2;
const MB = 1024 * 1024;

export class Uploads {
  items = []; // {id, file, loaded, state: 'waiting' | 'sending' | 'failed', why, again}

  constructor(path, limitMb, onChange) {
    Object.assign(this, { path, limitMb, onChange });
  }

  add(files) {
    for (const file of files) {
      const item = { id: uuid(), file, loaded: 0, state: 'waiting', why: '', again: true };
      if (file.size > this.limitMb * MB)
        Object.assign(item, {
          state: 'failed',
          again: false,
          why: t('Too large: {limit} MB at most.', { limit: number(this.limitMb) }),
        });
      else if (!file.size) Object.assign(item, { state: 'failed', again: false, why: t('This file is empty.') });
      this.items.push(item);
    }
    this.#next();
  }

  cancel(item) {
    item.request?.abort();
    this.#remove(item);
  }

  retry(item) {
    Object.assign(item, { state: 'waiting', loaded: 0, why: '' });
    this.#next();
  }

  #next() {
    const sending = this.items.filter(item => item.state === 'sending').length;
    const waiting = this.items.filter(item => item.state === 'waiting');
    for (const item of waiting.slice(0, AT_ONCE - sending)) this.#send(item);
    this.onChange();
  }

  #send(item) {
    const request = (item.request = new XMLHttpRequest());
    item.state = 'sending';
    request.open('POST', address(this.path));
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.setRequestHeader('X-File-Name', encodeURIComponent(item.file.name.toWellFormed?.() ?? item.file.name));
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = event => {
      item.loaded = event.loaded;
      this.onChange();
    };
    request.onload = () => (request.status === 201 ? this.#remove(item) : this.#failed(item, request));
    request.onerror = () => this.#failed(item, request);
    request.send(item.file);
  }

  #failed(item, request) {
    let why = request.status ? t('That did not work.') : t('The connection broke.');
    try {
      why = JSON.parse(request.responseText).message ?? why;
    } catch {
      // no problem body: the general sentence has to do
    }
    Object.assign(item, { state: 'failed', why, again: ![403, 404, 413].includes(request.status) });
    this.#next();
  }

  #remove(item) {
    this.items = this.items.filter(other => other !== item);
    this.#next();
  }
}
