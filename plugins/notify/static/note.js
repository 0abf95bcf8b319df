// Files of the form “Mail and files”: each is sent at once, with its progress, and can be taken out again.
import { csrf, fileSize, t } from '@offhook/ui';

customElements.define(
  'notify-files',
  class extends HTMLElement {
    #under = 0;

    connectedCallback() {
      const input = this.querySelector('input[type="file"]');
      const drop = this.querySelector('.drop');
      input.addEventListener('change', () => {
        this.#take(input.files);
        input.value = '';
      });
      drop.addEventListener('dragover', event => {
        event.preventDefault();
        drop.classList.add('over');
      });
      drop.addEventListener('dragleave', () => drop.classList.remove('over'));
      drop.addEventListener('drop', event => {
        event.preventDefault();
        drop.classList.remove('over');
        this.#take(event.dataTransfer.files);
      });
      this.closest('form').addEventListener('submit', event => this.#under && event.preventDefault());
    }

    #take(files) {
      for (const file of files) this.#send(file, this.#line(file));
    }

    #line(file) {
      const line = document.createElement('li');
      line.className = 'row';
      const name = document.createElement('bdi');
      name.className = 'cut';
      name.textContent = file.name;
      const size = document.createElement('span');
      size.className = 'muted small';
      size.textContent = fileSize(file.size);
      const progress = document.createElement('progress');
      progress.max = 100;
      progress.setAttribute('aria-label', t('Progress of {name}', { name: file.name }));
      const remove = document.createElement('button');
      remove.type = 'button';
      remove.className = 'btn mini ghost';
      remove.textContent = t('Remove');
      line.append(name, size, progress, remove);
      this.querySelector('.files').append(line);
      return line;
    }

    #send(file, line) {
      const [progress, remove] = [line.querySelector('progress'), line.querySelector('button')];
      if (file.size > Number(this.dataset.limitMb) * 1024 * 1024) {
        this.#fail(line, t('This file is too large.'));
        return;
      }
      const request = new XMLHttpRequest();
      remove.addEventListener('click', () => {
        request.abort();
        line.remove();
      });
      request.upload.addEventListener('progress', event => {
        progress.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0;
      });
      request.addEventListener('load', () => this.#done(request, line));
      request.addEventListener('error', () => this.#fail(line, t('The connection broke. Please try again.')));
      request.addEventListener('loadend', () => (this.#under -= 1));
      request.open('POST', this.dataset.url);
      request.setRequestHeader('X-CSRF-Token', csrf());
      request.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
      request.setRequestHeader('Accept', 'application/json');
      this.#under += 1;
      request.send(file);
    }

    #done(request, line) {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // not our server's answer: said below
      }
      const id = answer.id ?? answer.file;
      if (request.status >= 300 || !id) {
        this.#fail(line, answer.message ?? t('That did not work.'));
        return;
      }
      const input = document.createElement('input');
      Object.assign(input, { type: 'hidden', name: 'file', value: id });
      line.querySelector('progress').remove();
      line.append(input);
    }

    #fail(line, message) {
      line.querySelector('progress')?.remove();
      const text = document.createElement('span');
      text.className = 'error';
      text.textContent = message;
      line.append(text);
    }
  },
);
