// What makes the forms of notifications more comfortable; they work without it.
import { t, toast } from '@offhook/ui';

const form = document.getElementById('invitation');

/* A field that is not shown must neither be sent nor stop the form. */
function showWhatIsNeeded() {
  for (const name of ['later', 'email', 'sms']) {
    const part = form.querySelector(`.for-${name}`);
    if (!part) continue;
    const needed = form.querySelector(`:is([name="when"], [name="type"])[value="${name}"]`)?.checked ?? false;
    for (const input of part.querySelectorAll('input')) {
      input.disabled = !needed;
      input.required = needed;
    }
  }
}

if (form) {
  form.addEventListener('change', showWhatIsNeeded);
  showWhatIsNeeded();
  let sending = false;
  form.addEventListener('submit', event => {
    if (sending) event.preventDefault();
    sending = true;
  });
  addEventListener('pageshow', () => (sending = false));
}

document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(field.value);
    toast(t('The link is copied.'));
  } catch {
    field.select();
    toast(t('Press Ctrl+C to copy the link.'));
  }
});

document.querySelector('#problems, .preview')?.focus();
