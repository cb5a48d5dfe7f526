import type { TemplateData, TemplateName } from '../templates.ts';

const name = 'Ada Lovelace';
const when = '21 November 2026 at 09:00 UTC';

/** Data of each template, as an event brings it. */
export const SAMPLES: { readonly [Name in TemplateName]: TemplateData<Name> } = {
  welcome: { name },
  'activation-code': { name },
  'set-password': { name },
  'reset-password': { name },
  'confirm-email': { name },
  'email-change-requested': { name, when, newEmail: 'countess@example.org' },
  'email-changed': { name, when, newEmail: 'countess@example.org' },
  'new-device': { name, when, address: '203.0.113.7', device: 'Firefox on Linux' },
};
